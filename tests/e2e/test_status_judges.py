"""OpenSSL and BouncyCastle judge our lists and OCSP answers, and we judge OpenSSL's answers."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from kit import openssl
from kit.authority import authority, signing
from kit.ocsp import as_responder, responder, verify
from kit.openssl import OpensslTsa
from kit.status_judge import StatusJudge, status_judge

from appliance.asn1 import oids, pem
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import GOOD, UNKNOWN, CertStatus, CertStatusKind
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import DEFAULT_ID, KeyAlgorithm
from appliance.pki.lists import Edition, Entry, build_crl
from appliance.pki.ocsp.answering import OcspDesk, Served
from appliance.pki.ocsp.asking import HASHES, make_request
from appliance.pki.ocsp.judging import OcspCode, judge_response, read_response
from appliance.quantities import US_PER_S, Utc
from appliance.services.clocks import host_utc

pytestmark = pytest.mark.e2e

CLASSICAL = [KeyAlgorithm.P256, KeyAlgorithm.RSA]
DAY_US = 86_400 * US_PER_S
NUMBER = 0x1234_5678


def now() -> Utc:
    """Give the host's second."""
    return Utc(host_utc().posix_us // US_PER_S * US_PER_S)


def days_from(instant: Utc, days: int) -> Utc:
    return Utc(instant.posix_us + days * DAY_US)


@attrs.frozen
class Files:
    """An authority's certificates on disk."""

    algorithm: KeyAlgorithm
    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    @property
    def tsa(self) -> Path:
        return self.folder / "tsa.pem"

    def list(self, *entries: Entry, base_number: int | None = None) -> Path:
        """Make a list, full or delta."""
        root = authority(self.algorithm).root
        edition = Edition(
            number=NUMBER,
            this_update=now(),
            next_update=days_from(now(), 7),
            base_number=base_number,
        )
        path = self.folder / "list.crl"
        path.write_bytes(build_crl(root.identity, edition, entries, signing(root.key)))
        return path

    def answer(self, request: Path, status: CertStatus) -> Path:
        """Answer a question about the TSA."""
        desk = OcspDesk(lifetime_s=3600)
        root = authority(self.algorithm).root.certificate
        signer = as_responder(responder(self.algorithm))
        desk.serve(Served(root, signer, lambda _: status))
        path = request.with_suffix(".answer")
        path.write_bytes(desk.answer(request.read_bytes(), now()))
        return path


def files_of(algorithm: KeyAlgorithm, folder: Path) -> Files:
    made = authority(algorithm)
    found = Files(algorithm, folder)
    found.root.write_bytes(pem.write("CERTIFICATE", made.root.certificate.der))
    found.tsa.write_bytes(pem.write("CERTIFICATE", made.tsa.certificate.der))
    return found


def entries_of(algorithm: KeyAlgorithm) -> tuple[Entry, ...]:
    """Revoke the TSA, and another."""
    number = authority(algorithm).tsa.certificate.serial_number
    at = days_from(now(), -1)
    octets = number.to_bytes(20, "big")
    return (
        Entry(b"\x99" * 19, at, None, days_from(at, -2)),
        Entry(octets, at, CrlReason.KEY_COMPROMISE, days_from(at, -1)),
    )


def revoked() -> CertStatus:
    return CertStatus(CertStatusKind.REVOKED, days_from(now(), -1), CrlReason.SUPERSEDED)


# --- openssl --------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", CLASSICAL)
def test_openssl_reads_and_verifies_our_list(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    files = files_of(algorithm, tmp_path)
    crl = files.list(*entries_of(algorithm))
    told = openssl.run("crl", "-in", crl, "-inform", "DER", "-CAfile", files.root, "-text")
    assert "verify OK" in told
    assert f"X509v3 CRL Number: \n                {NUMBER}" in told
    assert "Key Compromise" in told
    assert "Invalidity Date" in told


def test_openssl_reads_the_base_of_our_delta(tmp_path: Path) -> None:
    files = files_of(KeyAlgorithm.P256, tmp_path)
    back = Entry(b"\x05", now(), CrlReason.REMOVE_FROM_CRL)
    crl = files.list(back, base_number=NUMBER - 1)
    told = openssl.run("crl", "-in", crl, "-inform", "DER", "-text", "-noout")
    assert "Delta CRL Indicator: critical" in told
    assert "Remove From CRL" in told


def test_openssl_verifies_the_signature_of_our_sm2_list(tmp_path: Path) -> None:
    # `openssl crl` takes no distinguishing ID (openssl/openssl#23471): the parts are handed over.
    files = files_of(KeyAlgorithm.SM2, tmp_path)
    crl = files.list(*entries_of(KeyAlgorithm.SM2))
    key, tbs, signature = (tmp_path / name for name in ("key", "tbs", "signature"))
    openssl.run("x509", "-in", files.root, "-pubkey", "-noout", "-out", key)
    places = [
        line.split(":")[0].strip()
        for line in openssl.run("asn1parse", "-inform", "DER", "-in", crl).splitlines()
        if "d=1 " in line
    ]
    for place, path in ((places[0], tbs), (places[2], signature)):
        openssl.run(
            *("asn1parse", "-inform", "DER", "-in", crl, "-noout", "-strparse", place),
            *("-out", path),
        )
    told = openssl.run(
        *("pkeyutl", "-verify", "-pubin", "-inkey", key, "-in", tbs, "-rawin"),
        *("-digest", "sm3", "-sigfile", signature, "-pkeyopt", f"distid:{DEFAULT_ID.decode()}"),
    )
    assert "Signature Verified Successfully" in told


@pytest.mark.parametrize("algorithm", CLASSICAL)
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sm3"])
def test_openssl_asks_and_accepts_our_answer(
    algorithm: KeyAlgorithm, digest: str, tmp_path: Path
) -> None:
    files = files_of(algorithm, tmp_path)
    request = tmp_path / "request"
    named = (f"-{digest}", "-issuer", files.root, "-cert", files.tsa)
    openssl.run("ocsp", *named, "-reqout", request)
    for status, told in ((GOOD, "good"), (revoked(), "revoked"), (UNKNOWN, "unknown")):
        answer = files.answer(request, status)
        text = openssl.run(
            *("ocsp", "-reqin", request, *named, "-respin", answer, "-CAfile", files.root),
            "-no_nonce",  # beside the one that is in the request
        )
        assert "Response verify OK" in text
        assert f"tsa.pem: {told}" in text
        assert ("superseded" in text) == (told == "revoked")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    """Make an authority of openssl, with a responder beside its TSA."""
    made = openssl.make_tsa(tmp_path_factory.mktemp("ocsp") / "p256", "p256")
    folder = made.folder
    (folder / "ocsp.cnf").write_text(
        "[req]\ndistinguished_name = name\n[name]\n[ocsp]\nbasicConstraints = CA:FALSE\n"
        "keyUsage = critical,digitalSignature\nextendedKeyUsage = OCSPSigning\n"
        "noCheck = yes\n",
        "ascii",
    )
    openssl.run("ecparam", "-name", "prime256v1", "-genkey", "-out", folder / "ocsp.key")
    openssl.run(
        *("req", "-config", folder / "ocsp.cnf", "-new", "-x509", "-sha256", "-days", "30"),
        *("-CA", made.root, "-CAkey", folder / "root.key", "-subj", "/CN=Stand-in OCSP"),
        *("-key", folder / "ocsp.key", "-extensions", "ocsp", "-out", folder / "ocsp.pem"),
    )
    return made


def loaded(path: Path) -> Certificate:
    return decode_certificate(pem.read_all(path.read_bytes(), "CERTIFICATE")[0])


@pytest.mark.parametrize("hash_oid", [oids.SHA1, oids.SHA256])
@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("V\t491231235959Z\t\t", OcspCode.GOOD, None),
        ("R\t491231235959Z\t240101000000Z,keyCompromise\t", OcspCode.REVOKED, "KEY_COMPROMISE"),
        ("", OcspCode.UNKNOWN, None),
    ],
    ids=["good", "revoked", "unknown"],
)
def test_we_read_and_judge_the_answers_of_openssl(
    theirs: OpensslTsa, tmp_path: Path, hash_oid: str, line: str, code: OcspCode, reason: str | None
) -> None:
    tsa, root = loaded(theirs.tsa), loaded(theirs.root)
    request, answer, index = (tmp_path / name for name in ("request", "answer", "index.txt"))
    request.write_bytes(make_request(tsa, root, hash_oid=hash_oid, nonce=b"n" * 32))
    serial = tsa.serial_number_tlv[2:].hex().upper()
    index.write_text(f"{line}{serial}\tunknown\t/CN=Stand-in TSA\n" if line else "", "ascii")
    openssl.run(
        *("ocsp", "-index", index, "-CA", theirs.root, "-reqin", request, "-respout", answer),
        *("-rsigner", theirs.folder / "ocsp.pem", "-rkey", theirs.folder / "ocsp.key"),
        *("-ndays", "1"),
    )
    response = read_response(answer.read_bytes())
    told = judge_response(response, tsa, root, at=now(), verify=verify, nonce=b"n" * 32)
    assert told.code is code
    assert told.status is not None
    assert (told.status.reason.name if told.status.reason else None) == reason
    assert not told.must_check_responder
    stale = judge_response(response, tsa, root, at=days_from(now(), 2), verify=verify)
    assert stale.code is OcspCode.STALE


# --- BouncyCastle ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StatusJudge]:
    with status_judge(tmp_path_factory.mktemp("java")) as running:
        yield running


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_bouncycastle_verifies_our_lists(
    judge: StatusJudge, algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    files = files_of(algorithm, tmp_path)
    crl = files.list(*entries_of(algorithm))
    told = judge.of_list(crl, files.root, files.tsa)
    assert told == f"OK number {NUMBER} revoked KEY_COMPROMISE"
    assert judge.of_list(crl, files.root, files.root) == f"OK number {NUMBER} good"
    delta = files.list(base_number=1)
    told = judge.of_list(delta, files.root, files.tsa)
    assert told == f"OK number {NUMBER} base 1 good"


def test_bouncycastle_refuses_a_list_of_another_issuer(judge: StatusJudge, tmp_path: Path) -> None:
    files = files_of(KeyAlgorithm.SM2, tmp_path)
    crl = files.list()
    assert judge.of_list(crl, files.tsa, files.tsa).startswith("REFUSED")


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
@pytest.mark.parametrize("hash_oid", HASHES)
def test_bouncycastle_accepts_our_answers(
    judge: StatusJudge, algorithm: KeyAlgorithm, hash_oid: str, tmp_path: Path
) -> None:
    files = files_of(algorithm, tmp_path)
    made = authority(algorithm)
    request = tmp_path / "request"
    tsa, root = made.tsa.certificate, made.root.certificate
    request.write_bytes(make_request(tsa, root, hash_oid=hash_oid, nonce=b"n" * 32))
    for status, told in ((GOOD, "good"), (revoked(), "revoked 4"), (UNKNOWN, "unknown")):
        answer = files.answer(request, status)
        assert judge.of_answer(request, answer, files.root, files.tsa) == f"OK {told}"


def test_bouncycastle_refuses_the_answer_to_another_question(
    judge: StatusJudge, tmp_path: Path
) -> None:
    files = files_of(KeyAlgorithm.SM2, tmp_path)
    made = authority(KeyAlgorithm.SM2)
    first, second = tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        nonce = path.name.encode()
        path.write_bytes(make_request(made.tsa.certificate, made.root.certificate, nonce=nonce))
    answer = files.answer(first, GOOD)
    assert "nonce" in judge.of_answer(second, answer, files.root, files.tsa)
