"""SM4-CTR and HMAC-SM3 by libcrypto, from and into locked memory: what `sealing` is made of.

OpenSSL 3.0 has no SM4-GCM, hence encrypt-then-MAC.  Its SM4 uses table lookups: good for sealing at
start-up, not for a cipher an attacker can time.
"""

from __future__ import annotations

import ctypes

from appliance.crypto import libcrypto_binding as binding
from appliance.crypto.secret import SecretBuffer

SM4_KEY_OCTETS = 16
SM4_IV_OCTETS = 16
HMAC_SM3_OCTETS = 32


def encrypt_sm4_ctr(key: SecretBuffer, iv: bytes, plaintext: SecretBuffer) -> bytes:
    """Encrypt a secret with SM4 (GB/T 32907) in counter mode; `iv` is the first counter block."""
    ciphertext = ctypes.create_string_buffer(plaintext.size)
    _sm4_ctr(key, iv, plaintext.address, ctypes.addressof(ciphertext), plaintext.size)
    return ciphertext.raw


def decrypt_sm4_ctr(key: SecretBuffer, iv: bytes, ciphertext: bytes) -> SecretBuffer:
    """Decrypt straight into a new locked buffer; the caller closes it."""
    plaintext = SecretBuffer(len(ciphertext))
    _sm4_ctr(key, iv, ciphertext, plaintext.address, plaintext.size)
    return plaintext


def hmac_sm3(key: SecretBuffer, message: bytes) -> bytes:
    """Compute HMAC-SM3 (GB/T 15852.2 MAC algorithm 2): 32 octets."""
    tag = ctypes.create_string_buffer(HMAC_SM3_OCTETS)
    _hmac_sm3(key, message, ctypes.addressof(tag))
    return tag.raw


def derive_hmac_sm3(key: SecretBuffer, label: bytes) -> SecretBuffer:
    """Compute HMAC-SM3 of a label into a new locked buffer of 32 octets; the caller closes it."""
    derived = SecretBuffer(HMAC_SM3_OCTETS)
    _hmac_sm3(key, label, derived.address)
    return derived


def _hmac_sm3(key: SecretBuffer, message: bytes, target: int) -> None:
    library = binding.load()
    library.HMAC(library.EVP_sm3(), key.address, key.size, message, len(message), target, None)


def _sm4_ctr(key: SecretBuffer, iv: bytes, source: int | bytes, target: int, size: int) -> None:
    """Run SM4-CTR over `size` octets; the key is the first 16 octets of its buffer."""
    assert key.size >= SM4_KEY_OCTETS
    assert len(iv) == SM4_IV_OCTETS
    library = binding.load()
    written = ctypes.c_int()
    with (
        binding.owned(library.EVP_CIPHER_fetch(None, b"SM4-CTR", None)) as cipher,
        binding.owned(library.EVP_CIPHER_CTX_new()) as context,
    ):
        library.EVP_EncryptInit_ex2(context, cipher, key.address, iv, None)
        library.EVP_EncryptUpdate(context, target, ctypes.byref(written), source, size)
    assert written.value == size
