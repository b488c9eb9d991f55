"""One verdict on any signature: VALID, INVALID, or UNSUPPORTED when no scheme fits."""

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.sm2_standard import MESSAGE, PUBLIC, SIGNATURE, flip_bit

from appliance.asn1 import oids, sm2
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import SM2_SIGNATURE_OIDS, Verification, verify_signature

ENGINE = LibcryptoEngine()
SM2_SPKI = sm2.public_key_to_spki(PUBLIC)
SM2_DER = sm2.signature_to_der(SIGNATURE)
OFF_CURVE = sm2.public_key_to_spki(PUBLIC[:-1] + b"\x14")


def spki(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


@pytest.fixture(scope="module")
def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "oid", ["1.2.156.10197.1.501", "1.2.156.10197.1.301.1", "1.2.156.10197.1.301"]
)
def test_an_sm2_signature_is_valid_under_each_name_of_the_algorithm(oid):
    assert oid in SM2_SIGNATURE_OIDS
    assert verify_signature(ENGINE, SM2_SPKI, oid, MESSAGE, SM2_DER) is Verification.VALID


@given(bit=st.integers(min_value=0))
@settings(max_examples=50, deadline=None)
def test_a_flipped_bit_in_an_sm2_signature_is_invalid(bit):
    verdict = verify_signature(ENGINE, SM2_SPKI, oids.SM2_WITH_SM3, MESSAGE, flip_bit(SM2_DER, bit))
    assert verdict is Verification.INVALID


@pytest.mark.parametrize(
    ("key", "message", "signature"),
    [
        (SM2_SPKI, MESSAGE + b".", SM2_DER),
        (SM2_SPKI, MESSAGE, b""),
        (SM2_SPKI, MESSAGE, SIGNATURE),
        (SM2_SPKI, MESSAGE, SM2_DER + b"\0"),
        (SM2_SPKI, MESSAGE, sm2.signature_to_der(bytes(64))),
        (OFF_CURVE, MESSAGE, SM2_DER),
    ],
    ids=["other message", "empty", "raw", "trailing octet", "zeros", "key off the curve"],
)
def test_what_is_not_a_signature_of_the_message_is_invalid(key, message, signature):
    verdict = verify_signature(ENGINE, key, oids.SM2_WITH_SM3, message, signature)
    assert verdict is Verification.INVALID


def test_an_ecdsa_signature_is_judged(p256):
    signature = p256.sign(MESSAGE, ec.ECDSA(hashes.SHA256()))
    judge = (ENGINE, spki(p256), oids.ECDSA_WITH_SHA256)
    assert verify_signature(*judge, MESSAGE, signature) is Verification.VALID
    assert verify_signature(*judge, MESSAGE + b".", signature) is Verification.INVALID


def test_an_rsa_signature_is_judged():
    private = rsa.generate_private_key(65537, 2048)
    signature = private.sign(MESSAGE, padding.PKCS1v15(), hashes.SHA384())
    judge = (ENGINE, spki(private), oids.SHA384_WITH_RSA)
    assert verify_signature(*judge, MESSAGE, signature) is Verification.VALID
    assert verify_signature(*judge, MESSAGE + b".", signature) is Verification.INVALID


@pytest.mark.parametrize("oid", ["1.2.3", "", oids.SM3, oids.RSA_ENCRYPTION])
def test_an_unknown_algorithm_is_unsupported(oid):
    verdict = verify_signature(ENGINE, SM2_SPKI, oid, MESSAGE, SM2_DER)
    assert verdict is Verification.UNSUPPORTED


def test_an_sm2_algorithm_on_another_curve_is_unsupported(p256):
    verdict = verify_signature(ENGINE, spki(p256), oids.SM2_WITH_SM3, MESSAGE, SM2_DER)
    assert verdict is Verification.UNSUPPORTED


def test_an_ecdsa_algorithm_on_an_sm2_key_is_unsupported():
    verdict = verify_signature(ENGINE, SM2_SPKI, oids.ECDSA_WITH_SHA256, MESSAGE, SM2_DER)
    assert verdict is Verification.UNSUPPORTED


@given(
    key=st.binary(max_size=120),
    oid=st.sampled_from([oids.SM2_WITH_SM3, oids.ECDSA_WITH_SHA256, oids.SHA256_WITH_RSA]),
    signature=st.binary(max_size=80),
)
def test_garbage_is_never_valid_and_never_raises(key, oid, signature):
    verdict = verify_signature(ENGINE, key, oid, MESSAGE, signature)
    assert verdict is Verification.UNSUPPORTED
