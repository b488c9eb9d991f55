"""Signing one message that comes in pieces, so that it is never held whole."""

from __future__ import annotations

import hashlib

from appliance.crypto.api import DigestKey, KeyAlgorithm
from appliance.crypto.libcrypto import z_value


class MessageSigner:
    """Signs what `sign_many` would sign, hashing it as it comes; good for one message.

    Hashing is by hashlib, which is OpenSSL: 0.3 GB of SM3 a second.
    """

    def __init__(self, key: DigestKey) -> None:
        self._key = key
        if key.algorithm is KeyAlgorithm.SM2:
            self._hash = hashlib.new("sm3", z_value(key.public))
        else:
            self._hash = hashlib.sha256()

    def update(self, octets: bytes) -> None:
        """Take the next octets of the message."""
        self._hash.update(octets)

    def sign(self) -> bytes:
        """Sign all octets taken, in the form of `sign_many`.  Raises Fault as that does."""
        return self._key.sign_digest(self._hash.digest())
