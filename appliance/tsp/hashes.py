"""The hash functions of imprints, digests and certificate hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from appliance.asn1 import oids

HASHES = {oids.SM3: "sm3", oids.SHA256: "sha256", oids.SHA384: "sha384", oids.SHA512: "sha512"}
"""hashlib's name for each hash an imprint may be made with."""

Imprint = Callable[[str], bytes | None]
"""Gives the digest of a document under a hash by OID; None when that is not known."""


def digest(algorithm: str, data: bytes) -> bytes | None:
    """Hash `data` by the OID of the hash; None for one that is not in `HASHES`."""
    name = HASHES.get(algorithm)
    return None if name is None else hashlib.new(name, data).digest()


def document_imprint(document: bytes) -> Imprint:
    """Give the imprint of a document under whichever hash a token asks for."""
    return lambda algorithm: digest(algorithm, document)


def digest_imprint(algorithm: str, value: bytes) -> Imprint:
    """Give the imprint of a document of which one digest is known."""
    return lambda asked: value if asked == algorithm else None


class DocumentHash:
    """The digests of a document that arrives piece by piece, under every hash of `HASHES`.

    All four at once: which is wanted stands in a token that may come after the document.
    """

    def __init__(self) -> None:
        self._hashes = {oid: hashlib.new(name) for oid, name in HASHES.items()}
        self.octets = 0

    def update(self, octets: bytes) -> None:
        """Take the next piece."""
        self.octets += len(octets)
        for running in self._hashes.values():
            running.update(octets)

    def imprint(self, algorithm: str) -> bytes | None:
        """Give the digest of what came; it is an `Imprint`."""
        running = self._hashes.get(algorithm)
        return None if running is None else running.digest()
