"""What only the libcrypto engine has: OpenSSL's error queue, its handles, its ciphers."""

import ctypes
import gc
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from kit.sm2_standard import DIGEST, PRIVATE, PUBLIC, SIGNATURE, G, secret_of

from appliance.crypto import libcrypto, libcrypto_binding, libcrypto_cipher
from appliance.crypto.libcrypto import LibcryptoEngine, LibcryptoKey
from appliance.crypto.secret import SecretBuffer
from appliance.errors import Fault

OFF_CURVE = PUBLIC[:-1] + b"\x14"
IV = bytes(range(16))


def queued_error() -> int:
    return libcrypto_binding.load().ERR_get_error()


def key_with_the_public_half_of_another() -> LibcryptoKey:
    library = libcrypto_binding.load()
    with (
        secret_of(PRIVATE) as secret,
        libcrypto_binding.owned(library.BN_secure_new()) as d,
    ):
        library.BN_bin2bn(secret.address, secret.size, d)
        return LibcryptoKey(libcrypto._make_pkey(G, d), G)


def test_a_signature_that_does_not_verify_is_a_fault():
    key = key_with_the_public_half_of_another()
    with pytest.raises(Fault, match="does not verify"):
        key.sign_digest(DIGEST)
    with pytest.raises(Fault, match="does not verify"):
        key.sign_many([b"one", b"two"])


def test_a_failed_call_tells_openssl_own_reason_and_empties_the_queue():
    with pytest.raises(Fault, match=r"libcrypto: EVP_PKEY_fromdata failed: error:\w+:"):
        libcrypto._make_pkey(OFF_CURVE)
    assert queued_error() == 0


def test_a_call_that_gives_nothing_is_a_fault():
    with pytest.raises(Fault, match="EC_GROUP_new_by_curve_name failed"):
        libcrypto_binding.load().EC_GROUP_new_by_curve_name(0)
    assert queued_error() == 0


def test_a_scalar_that_does_not_fit_is_a_fault_even_without_a_reason():
    library = libcrypto_binding.load()
    with (
        SecretBuffer(31) as target,
        secret_of(PRIVATE) as secret,
        libcrypto_binding.owned(library.BN_secure_new()) as d,
    ):
        library.BN_bin2bn(secret.address, secret.size, d)
        with pytest.raises(Fault, match=r"BN_bn2binpad failed$"):
            library.BN_bn2binpad(d, target.address, target.size)


def test_a_handle_of_another_type_is_not_taken():
    library = libcrypto_binding.load()
    with (
        libcrypto_binding.owned(library.BN_secure_new()) as d,
        pytest.raises(ctypes.ArgumentError),
    ):
        library.EC_GROUP_free(d)


@pytest.mark.parametrize("name", ["libc.so.6", "no-such-library.so"])
def test_a_machine_without_openssl_3_is_a_fault(name):
    with pytest.raises(Fault, match=r"OpenSSL 3\.0"):
        libcrypto_binding._first_sound([name])


def test_the_first_sound_library_is_taken():
    library = libcrypto_binding._first_sound(["no-such-library.so", "libcrypto.so.3"])
    assert library.OPENSSL_version_major() >= 3


@pytest.mark.parametrize(
    ("public", "signature"),
    [(OFF_CURVE, SIGNATURE), (PUBLIC, bytes(64)), (PUBLIC, SIGNATURE[32:] + SIGNATURE[:32])],
    ids=["off the curve", "zeros", "swapped"],
)
def test_a_refusal_leaves_nothing_for_hashlib_to_trip_over(public, signature):
    assert not LibcryptoEngine().verify_digest(public, DIGEST, signature)
    assert queued_error() == 0


def test_the_library_is_the_one_hashlib_runs_on():
    version = libcrypto_binding.load().OpenSSL_version
    version.restype = ctypes.c_char_p
    assert version(0).startswith(b"OpenSSL ")
    assert hashlib.new("sm3", b"abc").digest() == LibcryptoEngine().sm3(b"abc")


def test_a_private_key_lies_in_the_secure_heap_until_it_is_closed():
    gc.collect()  # keys of earlier tests
    used = libcrypto_binding.load().CRYPTO_secure_used
    before = used()
    key = LibcryptoEngine().generate()
    assert used() > before
    key.sign_digest(DIGEST)
    key.export_secret().close()
    key.close()
    assert used() == before


@given(plaintext=st.binary(min_size=1, max_size=200), key=st.binary(min_size=16, max_size=16))
def test_sm4_ctr_agrees_with_cryptography(plaintext, key):
    encryptor = Cipher(algorithms.SM4(key), modes.CTR(IV)).encryptor()
    with secret_of(key) as secret_key, secret_of(plaintext) as secret:
        assert libcrypto_cipher.encrypt_sm4_ctr(secret_key, IV, secret) == (
            encryptor.update(plaintext)
        )


@given(plaintext=st.binary(min_size=1, max_size=200), key=st.binary(min_size=16, max_size=16))
def test_sm4_ctr_gives_back_what_it_took(plaintext, key):
    with secret_of(key) as secret_key, secret_of(plaintext) as secret:
        ciphertext = libcrypto_cipher.encrypt_sm4_ctr(secret_key, IV, secret)
        with libcrypto_cipher.decrypt_sm4_ctr(secret_key, IV, ciphertext) as decrypted:
            assert decrypted.view == plaintext


def test_sm4_gives_the_answer_of_gbt_32907():
    """A.1: in counter mode the first block of zeros shows the encrypted counter."""
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    with secret_of(block) as key, secret_of(bytes(16)) as zeros:
        assert libcrypto_cipher.encrypt_sm4_ctr(key, block, zeros).hex() == (
            "681edf34d206965e86b3e94f536e4246"
        )


@given(key=st.binary(min_size=1, max_size=100), message=st.binary(max_size=200))
def test_hmac_sm3_agrees_with_cryptography(key, message):
    reference = hmac.HMAC(key, hashes.SM3())
    reference.update(message)
    with secret_of(key) as secret_key:
        assert libcrypto_cipher.hmac_sm3(secret_key, message) == reference.finalize()
