"""P-256 and RSA keys, and RSA and ECDSA verification by SubjectPublicKeyInfo and OID."""

import functools

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.sm2_standard import flip_bit, secret_of

from appliance.asn1 import oids
from appliance.crypto import classical
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Fault, Malformed

MESSAGE = b"a message to be signed"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
RSA_OIDS = {
    "256": oids.SHA256_WITH_RSA,
    "384": oids.SHA384_WITH_RSA,
    "512": oids.SHA512_WITH_RSA,
}
ECDSA_OIDS = {
    "256": oids.ECDSA_WITH_SHA256,
    "384": oids.ECDSA_WITH_SHA384,
    "512": oids.ECDSA_WITH_SHA512,
}
RSASSA_PSS = "1.2.840.113549.1.1.10"
SHA1_WITH_RSA = "1.2.840.113549.1.1.5"


@functools.cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@functools.cache
def our_key(algorithm: KeyAlgorithm) -> classical.ClassicalKey:
    return classical.generate(algorithm)


def pkcs8(private) -> bytes:
    return private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def spki(private) -> bytes:
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def our_spki(key: classical.ClassicalKey) -> bytes:
    if key.algorithm is KeyAlgorithm.RSA:
        public = serialization.load_der_public_key(key.public)
    else:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.public)
    return public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


OID_OF = {
    KeyAlgorithm.P256: oids.ECDSA_WITH_SHA256,
    KeyAlgorithm.RSA: oids.SHA256_WITH_RSA,
}
both = pytest.mark.parametrize("algorithm", OID_OF)


# --- signing ---


@both
def test_each_message_is_signed_in_order(algorithm):
    key = our_key(algorithm)
    messages = [b"one", b"two", b""]
    signatures = key.sign_many(messages)
    assert len(signatures) == 3
    for message, signature in zip(messages, signatures, strict=True):
        assert classical.verify(our_spki(key), OID_OF[algorithm], message, signature) is True
        assert classical.verify(our_spki(key), OID_OF[algorithm], b"other", signature) is False


@both
def test_nothing_to_sign_gives_nothing(algorithm):
    assert our_key(algorithm).sign_many([]) == []


@both
def test_a_key_survives_export_and_load(algorithm):
    key = our_key(algorithm)
    with key.export_secret() as secret:
        again = classical.load(algorithm, secret)
    assert again.algorithm is algorithm
    assert again.public == key.public
    (signature,) = again.sign_many([MESSAGE])
    assert classical.verify(our_spki(key), OID_OF[algorithm], MESSAGE, signature) is True


def test_public_keys_have_their_documented_form():
    assert our_key(KeyAlgorithm.P256).public[:1] == b"\x04"
    assert len(our_key(KeyAlgorithm.P256).public) == 65
    assert serialization.load_der_public_key(our_key(KeyAlgorithm.RSA).public).key_size == 3072


@both
def test_a_closed_key_does_nothing(algorithm):
    with our_key(algorithm).export_secret() as secret:
        key = classical.load(algorithm, secret)
    key.close()
    key.close()
    with pytest.raises(Fault):
        key.sign_many([MESSAGE])
    with pytest.raises(Fault):
        key.export_secret()


@both
@pytest.mark.parametrize(
    "make",
    [
        lambda: pkcs8(ec.generate_private_key(ec.SECP384R1())),
        lambda: pkcs8(rsa_key(2048)),
        lambda: pkcs8(ed25519.Ed25519PrivateKey.generate()),
        lambda: b"garbage",
        lambda: b"\0",
    ],
    ids=["P-384", "RSA-2048", "Ed25519", "garbage", "zero"],
)
def test_a_private_key_of_another_kind_is_malformed(algorithm, make):
    with secret_of(make()) as secret, pytest.raises(Malformed):
        classical.load(algorithm, secret)


def test_a_key_loads_as_its_own_kind_only():
    with our_key(KeyAlgorithm.P256).export_secret() as secret, pytest.raises(Malformed):
        classical.load(KeyAlgorithm.RSA, secret)
    with our_key(KeyAlgorithm.RSA).export_secret() as secret, pytest.raises(Malformed):
        classical.load(KeyAlgorithm.P256, secret)


def test_a_refused_private_key_is_not_quoted():
    content = b"the private content of this file"
    with secret_of(content) as secret, pytest.raises(Malformed) as refusal:
        classical.load(KeyAlgorithm.RSA, secret)
    assert content.decode() not in str(refusal.value)
    assert refusal.value.__suppress_context__


# --- verification ---


@pytest.mark.parametrize("size", HASHES)
@pytest.mark.parametrize("bits", [2048, 3072])
def test_rsa_pkcs1_verifies_with_each_hash(bits, size):
    private = rsa_key(bits)
    signature = private.sign(MESSAGE, padding.PKCS1v15(), HASHES[size])
    for other, oid in RSA_OIDS.items():
        assert classical.verify(spki(private), oid, MESSAGE, signature) is (other == size)


@pytest.mark.parametrize("size", HASHES)
@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()], ids=["P-256", "P-384"])
def test_ecdsa_verifies_with_each_hash(curve, size):
    private = ec.generate_private_key(curve)
    signature = private.sign(MESSAGE, ec.ECDSA(HASHES[size]))
    for other, oid in ECDSA_OIDS.items():
        assert classical.verify(spki(private), oid, MESSAGE, signature) is (other == size)


@both
@given(bit=st.integers(min_value=0))
@settings(max_examples=50, deadline=None)
def test_a_flipped_bit_in_a_signature_is_refused(algorithm, bit):
    key = our_key(algorithm)
    (signature,) = key.sign_many([MESSAGE])
    changed = flip_bit(signature, bit)
    assert classical.verify(our_spki(key), OID_OF[algorithm], MESSAGE, changed) is False


@both
@given(signature=st.binary(max_size=500))
@settings(max_examples=50, deadline=None)
def test_a_garbage_signature_is_refused(algorithm, signature):
    key = our_key(algorithm)
    assert classical.verify(our_spki(key), OID_OF[algorithm], MESSAGE, signature) is False


def test_an_ecdsa_signature_padded_beyond_der_is_refused():
    key = our_key(KeyAlgorithm.P256)
    (signature,) = key.sign_many([MESSAGE])
    length, r_length = signature[1], signature[3]
    padded = bytes((0x30, length + 1, 0x02, r_length + 1, 0)) + signature[4:]
    assert classical.verify(our_spki(key), oids.ECDSA_WITH_SHA256, MESSAGE, padded) is False


@given(garbage=st.binary(max_size=300), oid=st.sampled_from([*OID_OF.values(), "1.2.3", ""]))
def test_a_garbage_key_is_unsupported(garbage, oid):
    assert classical.verify(garbage, oid, MESSAGE, b"") is None


@pytest.mark.parametrize(
    ("make", "oid"),
    [
        (lambda: rsa_key(2048), oids.ECDSA_WITH_SHA256),
        (lambda: rsa_key(2048), RSASSA_PSS),
        (lambda: rsa_key(2048), SHA1_WITH_RSA),
        (lambda: rsa_key(2048), oids.RSA_ENCRYPTION),
        (lambda: rsa_key(1024), oids.SHA256_WITH_RSA),
        (lambda: rsa.generate_private_key(3, 2048), oids.ECDSA_WITH_SHA256),
        (lambda: ec.generate_private_key(ec.SECP256R1()), oids.SHA256_WITH_RSA),
        (lambda: ec.generate_private_key(ec.SECP521R1()), oids.ECDSA_WITH_SHA512),
        (lambda: ec.generate_private_key(ec.SECP256K1()), oids.ECDSA_WITH_SHA256),
        (ed25519.Ed25519PrivateKey.generate, oids.ECDSA_WITH_SHA256),
        (lambda: dsa.generate_private_key(1024), oids.SHA256_WITH_RSA),
    ],
    ids=[
        "RSA key, ECDSA",
        "PSS",
        "SHA-1",
        "rsaEncryption",
        "RSA-1024",
        "RSA e=3, ECDSA",
        "EC key, RSA",
        "P-521",
        "secp256k1",
        "Ed25519",
        "DSA",
    ],
)
def test_a_pair_of_key_and_algorithm_we_do_not_know_is_unsupported(make, oid):
    assert classical.verify(spki(make()), oid, MESSAGE, b"\0" * 256) is None


def test_an_rsa_exponent_that_makes_verification_dear_is_unsupported():
    public = rsa.RSAPublicNumbers(e=(1 << 200) + 1, n=rsa_key(2048).public_key().public_numbers().n)
    encoded = public.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert classical.verify(encoded, oids.SHA256_WITH_RSA, MESSAGE, bytes(256)) is None
