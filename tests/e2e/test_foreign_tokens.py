"""Tokens of other authorities under our verification."""

from pathlib import Path

import pytest
from kit import openssl
from kit.openssl import OpensslTsa
from kit.tsp_client import token_of, with_flipped_signature

from appliance.asn1 import der, oids, pem
from appliance.asn1.tsp import decode_request
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.tsp.hashes import document_imprint
from appliance.tsp.verifying.report import Reason, Report, Verdict
from appliance.tsp.verifying.verification import Evidence, Expected, Trust, verify_token

pytestmark = pytest.mark.e2e

DOCUMENT = b"a discharge letter"


@pytest.fixture(scope="module", params=["p256", "rsa"])
def tsa(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl.make_tsa(tmp_path_factory.mktemp("foreign") / request.param, request.param)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(DOCUMENT)
    return path


def certificate(path: Path) -> Certificate:
    return decode_certificate(pem.read_one(path.read_bytes(), "CERTIFICATE"))


def judged(data: bytes, tsa: OpensslTsa, expected: Expected, *intermediates: Certificate) -> Report:
    trust = Trust.under(LibcryptoEngine(), [certificate(tsa.root)])
    return verify_token(data, expected, trust, Evidence(intermediates))


EXPECTED = Expected(document_imprint(DOCUMENT))


@pytest.mark.parametrize(
    ("digest", "oid"), [("sha256", oids.SHA256), ("sha512", oids.SHA512), ("sm3", oids.SM3)]
)
def test_a_token_of_openssl_is_valid(
    tsa: OpensslTsa, document: Path, digest: str, oid: str
) -> None:
    query = openssl.make_query(document, digest=digest)
    reply = tsa.reply(query).read_bytes()
    nonce_tlv = decode_request(query.read_bytes()).nonce_tlv
    start, stop = der.whole(nonce_tlv, der.INTEGER)
    expected = Expected(
        document_imprint(DOCUMENT),
        nonce=der.integer_value(nonce_tlv, start, stop),
        policy="2.999.7",
    )
    for data in (reply, token_of(reply)):
        report = judged(data, tsa, expected)
        assert report.verdict is Verdict.VALID, report.detail
        assert report.tst_info is not None
        assert report.tst_info.hash_algorithm == oid
        assert report.tst_info.accuracy_us == 1_000_000
        assert report.chain_subjects == ("CN=Stand-in TSA", "CN=Judges TSA")


def test_a_token_of_openssl_without_certificate_needs_it_supplied(
    tsa: OpensslTsa, document: Path
) -> None:
    reply = tsa.reply(openssl.make_query(document, digest="sha256", certificate=False))
    data = reply.read_bytes()
    assert judged(data, tsa, EXPECTED).reason is Reason.NO_SIGNER_CERTIFICATE
    assert judged(data, tsa, EXPECTED, certificate(tsa.tsa)).verdict is Verdict.VALID


def test_a_flipped_signature_bit_is_found(tsa: OpensslTsa, document: Path) -> None:
    reply = tsa.reply(openssl.make_query(document, digest="sha256"))
    report = judged(with_flipped_signature(reply.read_bytes()), tsa, EXPECTED)
    assert report.reason is Reason.BAD_SIGNATURE


def test_another_document_is_found(tsa: OpensslTsa, document: Path) -> None:
    reply = tsa.reply(openssl.make_query(document, digest="sha256"))
    report = judged(reply.read_bytes(), tsa, Expected(document_imprint(b"another letter")))
    assert report.reason is Reason.IMPRINT_MISMATCH


def test_a_rejection_by_openssl_is_told(tsa: OpensslTsa, document: Path) -> None:
    reply = tsa.reply(openssl.make_query(document, digest="sha384"))
    report = judged(reply.read_bytes(), tsa, EXPECTED)
    assert report.reason is Reason.REJECTION
    assert "not supported" in report.detail
