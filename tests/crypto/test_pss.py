import functools

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from appliance.asn1 import oids
from appliance.crypto.pss import MAX_SALT_OCTETS, verify_pss
from appliance.crypto.verifier import Verification

MESSAGE = b"a message"
HASHES = {oids.SHA256: hashes.SHA256(), oids.SHA384: hashes.SHA384(), oids.SHA512: hashes.SHA512()}


@functools.cache
def key(bits=2048):
    return rsa.generate_private_key(65537, bits)


def spki(private):
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def signed(hash_algorithm, salt_octets):
    hashed = HASHES[hash_algorithm]
    return key().sign(MESSAGE, padding.PSS(padding.MGF1(hashed), salt_octets), hashed)


@pytest.mark.parametrize("hash_algorithm", HASHES)
@pytest.mark.parametrize("salt_octets", [0, 20, 32, MAX_SALT_OCTETS])
def test_a_signature_holds_for_its_message_hash_and_salt(hash_algorithm, salt_octets):
    signature = signed(hash_algorithm, salt_octets)
    for told in (salt_octets, None):
        verdict = verify_pss(spki(key()), hash_algorithm, told, MESSAGE, signature)
        assert verdict is Verification.VALID
    for message, told in ((b"another", salt_octets), (MESSAGE, 1)):
        verdict = verify_pss(spki(key()), hash_algorithm, told, message, signature)
        assert verdict is Verification.INVALID


@pytest.mark.parametrize("signature", [b"", bytes(256), bytes(300)])
def test_what_is_no_signature_is_invalid(signature):
    verdict = verify_pss(spki(key()), oids.SHA256, None, MESSAGE, signature)
    assert verdict is Verification.INVALID


def test_other_keys_hashes_and_salts_are_not_supported():
    signature = signed(oids.SHA256, 32)
    for encoded, hash_algorithm, salt_octets in (
        (spki(ec.generate_private_key(ec.SECP256R1())), oids.SHA256, 32),
        (spki(key(1024)), oids.SHA256, 32),
        (b"no key", oids.SHA256, 32),
        (spki(key()), oids.SHA1, 20),
        (spki(key()), oids.SM3, 32),
        (spki(key()), oids.SHA256, MAX_SALT_OCTETS + 1),
    ):
        verdict = verify_pss(encoded, hash_algorithm, salt_octets, MESSAGE, signature)
        assert verdict is Verification.UNSUPPORTED
