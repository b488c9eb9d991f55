import hashlib

import pytest
from kit.authority import generate

from appliance.asn1.algorithm import parse_algorithm
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.engine import choose_engine
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.streaming import MessageSigner
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Fault, Malformed
from appliance.pki.issuing import spki_of
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content

PIECES = (b"a list ", b"", b"of many ", b"octets" * 1000)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_message_in_pieces_is_signed_as_a_whole_one(algorithm):
    key = generate(algorithm)
    signer = MessageSigner(key)
    for piece in PIECES:
        signer.update(piece)
    signature = signature_content(algorithm, signer.sign())
    verdict = verify_signature(
        LibcryptoEngine(),
        spki_of(algorithm, key.public),
        parse_algorithm(SIGNATURE_ALGORITHMS[algorithm]).oid,
        b"".join(PIECES),
        signature,
    )
    assert verdict is Verification.VALID


def test_both_engines_hash_what_is_signed_alike():
    engine = choose_engine().engine
    key = engine.generate()
    signer = MessageSigner(key)
    signer.update(b"one")
    digest = engine.message_digest(key.public, b"one")
    assert engine.verify_digest(key.public, digest, signer.sign())


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_only_a_digest_of_its_length_is_signed(algorithm):
    key = generate(algorithm)
    with pytest.raises(Malformed):
        key.sign_digest(bytes(31))
    assert key.sign_digest(hashlib.sha256(b"").digest())


def test_a_closed_key_signs_no_stream():
    key = generate(KeyAlgorithm.P256)
    signer = MessageSigner(key)
    key.close()
    with pytest.raises(Fault):
        signer.sign()
