"""SM4-CTR then HMAC-SM3, by libcrypto: what the store is sealed with.

magic | IV (16) | ciphertext | HMAC-SM3 over all of that (32)
"""

from __future__ import annotations

import ctypes
import os

from shiyin_cosign import libcrypto
from shiyin_cosign.encoding import equal, hmac_sm3
from shiyin_cosign.errors import StoreError

KEY_OCTETS = 32
MAGIC = b"shiyin-phone-1\n"

_IV_OCTETS = 16
_MAC_OCTETS = 32


def seal(key: bytes, plaintext: bytes) -> bytes:
    """Seal under a key of 32 octets and a fresh IV."""
    iv = os.urandom(_IV_OCTETS)
    sealed = MAGIC + iv + _sm4_ctr(_derive(key, b"SM4-CTR")[:16], iv, plaintext)
    return sealed + hmac_sm3(_derive(key, b"HMAC-SM3"), sealed)


def unseal(key: bytes, blob: bytes) -> bytes:
    """Open what `seal` gave.  Raises StoreError for anything altered, and for another key."""
    start = len(MAGIC) + _IV_OCTETS
    if len(blob) < start + _MAC_OCTETS or not blob.startswith(MAGIC):
        raise StoreError("this file is not a phone's store")
    sealed, mac = blob[:-_MAC_OCTETS], blob[-_MAC_OCTETS:]
    if not equal(hmac_sm3(_derive(key, b"HMAC-SM3"), sealed), mac):
        raise StoreError("the store does not open: it was altered, or the key is another")
    return _sm4_ctr(_derive(key, b"SM4-CTR")[:16], sealed[len(MAGIC) : start], sealed[start:])


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac_sm3(key, b"shiyin-phone-1/" + purpose)


def _sm4_ctr(key: bytes, iv: bytes, source: bytes) -> bytes:
    library = libcrypto.load()
    target = ctypes.create_string_buffer(len(source))
    written = ctypes.c_int()
    cipher = library.EVP_CIPHER_fetch(None, b"SM4-CTR", None)
    context = library.EVP_CIPHER_CTX_new()
    try:
        library.EVP_EncryptInit_ex2(context, cipher, key, iv, None)
        library.EVP_EncryptUpdate(context, target, ctypes.byref(written), source, len(source))
    finally:
        library.EVP_CIPHER_CTX_free(context)
        library.EVP_CIPHER_free(cipher)
    return target.raw[: written.value]
