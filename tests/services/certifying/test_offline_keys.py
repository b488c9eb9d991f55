"""Private keys away from the box: in PEM as OpenSSL writes them, or sealed as a box does."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import signing
from kit.certifying import verify

from appliance.asn1 import pem, sm2
from appliance.crypto.api import KeyAlgorithm, SigningKey
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.sealing import Kek
from appliance.crypto.secret import SecretBuffer
from appliance.crypto.verifier import SM2_SIGNATURE_OIDS, Verification
from appliance.errors import Malformed, Refused
from appliance.pki.issuing import spki_of
from appliance.services.certifying.offline import open_pem_key, open_sealed_key
from appliance.store.keyfiles import KeyFolder

ENGINE = LibcryptoEngine()
KEK = bytes(range(32))


def written(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def openssl_sm2() -> bytes:
    command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def assert_signs_sm2(key: SigningKey) -> None:
    signature = sm2.signature_to_der(signing(key)(b"message"))
    spki = spki_of(key.algorithm, key.public)
    for scheme in SM2_SIGNATURE_OIDS:
        assert verify(spki, scheme, b"message", signature) is Verification.VALID


def test_an_sm2_key_of_openssl_opens() -> None:
    assert_signs_sm2(open_pem_key(openssl_sm2(), ENGINE))


def test_keys_of_other_kinds_open() -> None:
    p256 = open_pem_key(written(ec.generate_private_key(ec.SECP256R1())), ENGINE)
    assert p256.algorithm is KeyAlgorithm.P256
    large = open_pem_key(written(rsa.generate_private_key(65537, 3072)), ENGINE)
    assert large.algorithm is KeyAlgorithm.RSA


@pytest.mark.parametrize(
    "text",
    [
        written(ec.generate_private_key(ec.SECP384R1())),
        written(rsa.generate_private_key(65537, 2048)),
        b"",
        pem.write("PRIVATE KEY", b"\x30\x00"),
    ],
    ids=["P-384", "RSA-2048", "nothing", "empty"],
)
def test_keys_of_no_use_are_turned_away(text: bytes) -> None:
    with pytest.raises(Malformed):
        open_pem_key(text, ENGINE)


@given(octets=st.binary(max_size=200))
def test_garbage_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        open_pem_key(pem.write("PRIVATE KEY", octets), ENGINE)


@given(at=st.integers(0, 1000), value=st.integers(1, 255))
def test_a_bent_key_opens_as_a_key_or_not_at_all(at: int, value: int) -> None:
    octets = bytearray(_GOOD)
    octets[at % len(octets)] ^= value
    try:
        key = open_pem_key(pem.write("PRIVATE KEY", bytes(octets)), ENGINE)
    except Malformed:
        return
    key.close()


_GOOD = pem.read_one(openssl_sm2(), "PRIVATE KEY")


def test_a_sealed_key_opens_with_its_kek_and_no_other(tmp_path: Path) -> None:
    with SecretBuffer(32) as secret:
        secret.view[:] = KEK
        folder = KeyFolder(tmp_path, Kek.derive(secret), ENGINE)
    folder.create("root-sm2", KeyAlgorithm.SM2, usage="root", mode="production").close()
    blob = (tmp_path / "root-sm2.key").read_bytes()
    assert_signs_sm2(open_sealed_key(blob, KEK, ENGINE))
    with pytest.raises(Refused):
        open_sealed_key(blob, bytes(32), ENGINE)
    with pytest.raises(Malformed):
        open_sealed_key(blob, b"", ENGINE)
