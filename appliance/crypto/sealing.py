"""Private keys at rest: SM4-CTR then HMAC-SM3 under a key-encryption key.

A sealed key is one octet string:

    "SYK1" | version 1 | header length (2, big-endian) | header (msgpack) | IV (16)
    | SM4-CTR ciphertext | HMAC-SM3 over all of the above (32)

The MAC is checked before anything but the frame is looked at, and the plaintext is decrypted
straight into locked memory.
"""

from __future__ import annotations

import hmac
import os
from typing import Final, Literal, Self

import msgspec

from appliance.crypto import libcrypto_cipher as cipher
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.secret import SecretBuffer, Zeroed
from appliance.errors import Malformed, Refused

KEK_OCTETS: Final = 32
MAGIC: Final = b"SYK1"
VERSION: Final = 1

_FRAME: Final = MAGIC + bytes((VERSION,))
_LENGTH_OCTETS: Final = 2
_MAC_OCTETS: Final = cipher.HMAC_SM3_OCTETS
_OVERHEAD: Final = len(_FRAME) + _LENGTH_OCTETS + cipher.SM4_IV_OCTETS + _MAC_OCTETS
_ENCRYPTION_LABEL: Final = b"shiyin key sealing 1: SM4-CTR"
_MAC_LABEL: Final = b"shiyin key sealing 1: HMAC-SM3"


class KeyHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in clear, but authenticated, beside a sealed key.

    `usage` is the key's place in the box (`tsa`, `root`); `public` is as `SigningKey.public`.
    """

    key_id: str
    algorithm: KeyAlgorithm
    mode: Literal["demo", "production"]
    usage: str
    public: bytes


class Kek(Zeroed):
    """The key-encryption key: an SM4 key and a MAC key derived from 32 secret octets.

    A context manager that zeroes both at its end.
    """

    def __init__(self, encryption: SecretBuffer, mac: SecretBuffer) -> None:
        self.encryption = encryption
        self.mac = mac

    @classmethod
    def derive(cls, secret: SecretBuffer) -> Self:
        """Derive both keys by HMAC-SM3 of a label each; the caller still closes `secret`.

        Raises Malformed unless the secret has 32 octets.
        """
        if secret.size != KEK_OCTETS:
            raise Malformed("a key-encryption key is 32 octets")
        return cls(
            cipher.derive_hmac_sm3(secret, _ENCRYPTION_LABEL),
            cipher.derive_hmac_sm3(secret, _MAC_LABEL),
        )

    def close(self) -> None:
        """Zero both keys; calling twice is harmless."""
        self.encryption.close()
        self.mac.close()


def seal(kek: Kek, header: KeyHeader, secret: SecretBuffer) -> bytes:
    """Seal a private key under a fresh IV from getrandom; the caller still closes `secret`.

    Raises Malformed for a header above 65,535 octets.
    """
    encoded = msgspec.msgpack.encode(header)
    if len(encoded) >> 8 * _LENGTH_OCTETS:
        raise Malformed("the header of a sealed key is too long")
    iv = os.urandom(cipher.SM4_IV_OCTETS)
    ciphertext = cipher.encrypt_sm4_ctr(kek.encryption, iv, secret)
    length = len(encoded).to_bytes(_LENGTH_OCTETS, "big")
    sealed = _FRAME + length + encoded + iv + ciphertext
    return sealed + cipher.hmac_sm3(kek.mac, sealed)


def unseal(kek: Kek, blob: bytes) -> tuple[KeyHeader, SecretBuffer]:
    """Open a sealed key; the caller closes the buffer.

    Raises Malformed for what is not a sealed key of this version, and Refused, with one message,
    for a wrong key-encryption key and for any alteration.
    """
    if len(blob) <= _OVERHEAD or not blob.startswith(_FRAME):
        raise Malformed("not a sealed key of version 1")
    sealed, tag = blob[:-_MAC_OCTETS], blob[-_MAC_OCTETS:]
    if not hmac.compare_digest(cipher.hmac_sm3(kek.mac, sealed), tag):
        raise Refused("the sealed key does not open: altered, or another key-encryption key")
    return _open(kek, sealed)


def _open(kek: Kek, sealed: bytes) -> tuple[KeyHeader, SecretBuffer]:
    """Decrypt what the MAC has vouched for; Malformed is then our own writer's defect."""
    start = len(_FRAME) + _LENGTH_OCTETS
    stop = start + int.from_bytes(sealed[len(_FRAME) : start], "big")
    iv, ciphertext = (
        sealed[stop : stop + cipher.SM4_IV_OCTETS],
        sealed[stop + cipher.SM4_IV_OCTETS :],
    )
    if not ciphertext:
        raise Malformed("the header of a sealed key runs past its end")
    try:
        header = msgspec.msgpack.decode(sealed[start:stop], type=KeyHeader)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed("the header of a sealed key does not decode") from error
    return header, cipher.decrypt_sm4_ctr(kek.encryption, iv, ciphertext)
