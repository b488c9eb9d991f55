"""Signatures that openssl makes under certificates of a running box, verified by that box."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import attrs
import pytest
from kit import openssl
from kit.api import Api
from kit.box import Box
from kit.openssl import STANDARD_ID
from kit.polling import wait_until

from appliance.asn1 import pem, sm2

pytestmark = pytest.mark.e2e

DOCUMENT = b"a discharge letter\n"
GUARD_S = 30.0
KINDS = ("sm2", "p256", "rsa")
NEW_KEY = {
    "sm2": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"),
    "p256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
}
SUCCESS, REVOKED, BAD = 0, 0x0400000B, 0x0400000C
SM3_SM2, SHA256_RSA = 0x00020201, 0x00010004


@attrs.frozen
class Doctor:
    """Who has a key made by openssl, and a certificate of the box."""

    folder: Path
    kind: str
    registered: dict[str, Any]

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def leaf(self) -> Path:
        return self.folder / "leaf.pem"

    @property
    def certificate(self) -> str:
        return str(self.registered["certificate"])

    @property
    def der(self) -> str:
        return base64.b64encode(pem.read_one(self.certificate.encode(), "CERTIFICATE")).decode()

    def sign(self) -> bytes:
        """Make a bare signature over the document."""
        document = self.folder / "document"
        document.write_bytes(DOCUMENT)
        if self.kind == "sm2":
            distid = ("-pkeyopt", f"distid:{STANDARD_ID}")
            return self._out(
                *("pkeyutl", "-sign", "-rawin", "-digest", "sm3", *distid),
                *("-inkey", self.key, "-in", document),
            )
        return self._out("dgst", "-sha256", "-sign", self.key, document)

    def cms(self, *options: str, command: str = "cms") -> bytes:
        """Make SignedData, of the document apart unless it is told `-nodetach`."""
        document = self.folder / "document"
        document.write_bytes(DOCUMENT)
        return self._out(
            *(command, "-sign", "-binary", "-outform", "DER", "-in", document),
            *("-signer", self.leaf, "-inkey", self.key, *options),
        )

    def _out(self, command: str, *arguments: str | Path) -> bytes:
        out = self.folder / "out"
        openssl.run(command, "-out", out, *arguments)
        return out.read_bytes()


@attrs.frozen
class Desk:
    """The box as an operator has certificates issued, and as an application has them verified."""

    operator: Api
    application: Api

    def enrol(self, folder: Path, kind: str) -> Doctor:
        """Make a key and a request by openssl, and have the box issue."""
        key, csr = folder / "key.pem", folder / "leaf.csr"
        openssl.run("genpkey", *NEW_KEY[kind], "-out", key)
        digest = ("-sm3", "-sigopt", f"distid:{STANDARD_ID}") if kind == "sm2" else ("-sha256",)
        openssl.run("req", "-new", "-key", key, "-subj", "/CN=x", "-out", csr, *digest)
        made = self.operator.issue(
            authority=f"issuing-{kind}",
            template="person",
            owner_uid="7",
            fields={"name": "Li", "organization": "Hospital"},
            csr=csr.read_text("ascii"),
        )
        (folder / "leaf.pem").write_text(made["certificate"], "ascii")
        return Doctor(folder, kind, made)

    def change(self, doctor: Doctor, verb: str, **body: str) -> None:
        self.operator.post(f"/v1/certificates/{doctor.registered['id']}/{verb}", body or None)

    def verify(self, *signatures: bytes, document: bytes | None = DOCUMENT, **question: Any) -> Any:
        """Ask for the first reason of a whole answer."""
        asked = {"signatures": [base64.b64encode(each).decode() for each in signatures]}
        if document is not None:
            asked["document"] = base64.b64encode(document).decode()
        answer = self.application.post("/v1/verify", {**asked, **question})
        return answer["verdict"], answer["signatures"][0]["reason"]

    def judge(self, doctor: Doctor, **question: str) -> tuple[str, str]:
        """Ask what a certificate is worth."""
        asked = {"certificate": doctor.certificate, **question}
        told = self.application.post("/v1/verify/certificate", asked)
        return told["verdict"], told["reason"]

    def perform(self, name: str, **fields: Any) -> Any:
        """Perform an operation of GB/T 38629."""
        return self.application.post(f"/v1/sof/{name}", fields)


@pytest.fixture(scope="module")
def desk(box: Box) -> Iterator[Desk]:
    made = Desk(Api.of(box.facts, "operator"), Api.of(box.facts, "application"))
    yield made
    made.operator.close()
    made.application.close()


@pytest.fixture(scope="module")
def doctors(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Doctor]:
    return {kind: desk.enrol(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture
def passing(desk: Desk, tmp_path: Path) -> Doctor:
    """Give a doctor whose certificate a test may spoil."""
    return desk.enrol(tmp_path, "sm2")


def bare(doctor: Doctor) -> dict[str, str]:
    return {"certificate": doctor.certificate}


# --- what holds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("check", ["none", "crl", "ocsp", "both"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_signature_holds(
    desk: Desk, doctors: dict[str, Doctor], kind: str, check: str
) -> None:
    doctor = doctors[kind]
    told = desk.verify(doctor.sign(), **bare(doctor), check=check, purpose="person")
    assert told == ("VALID", "VALID")


def test_an_sm2_signature_holds_in_every_form(desk: Desk, doctors: dict[str, Doctor]) -> None:
    doctor = doctors["sm2"]
    written = doctor.sign()
    raw = sm2.signature_from_der(written)
    skf = bytes(32) + raw[:32] + bytes(32) + raw[32:]
    assert len(raw) == 64
    assert desk.verify(written, raw, skf, **bare(doctor))[0] == "VALID"


@pytest.mark.parametrize("command", ["cms", "smime"])
@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_signed_data_holds_with_the_document_inside_and_apart(
    desk: Desk, doctors: dict[str, Doctor], kind: str, command: str
) -> None:
    attached = doctors[kind].cms("-nodetach", command=command)
    assert desk.verify(attached, document=None, check="both") == ("VALID", "VALID")
    apart = doctors[kind].cms(command=command)
    assert desk.verify(apart, check="both") == ("VALID", "VALID")
    assert desk.verify(apart, document=None) == ("INDETERMINATE", "NO_DOCUMENT")


# --- what does not, and why -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_tampered_with_is_told_apart(
    desk: Desk, doctors: dict[str, Doctor], kind: str
) -> None:
    doctor = doctors[kind]
    told = desk.verify(doctor.sign(), document=b"another", **bare(doctor))
    assert told == ("INVALID", "BAD_SIGNATURE")
    if kind != "sm2":
        assert desk.verify(doctor.cms(), document=b"another") == ("INVALID", "DOCUMENT_MISMATCH")
        forged = doctor.cms("-nodetach").replace(DOCUMENT, DOCUMENT.upper())
        assert desk.verify(forged, document=None) == ("INVALID", "DOCUMENT_MISMATCH")


def test_a_certificate_is_judged_as_of_a_time(desk: Desk, doctors: dict[str, Doctor]) -> None:
    doctor = doctors["sm2"]
    signature = doctor.sign()
    for at, expected in (
        ("2099-01-01T00:00:00Z", ("INVALID", "CERTIFICATE_EXPIRED")),
        ("2020-01-01T00:00:00Z", ("INDETERMINATE", "CERTIFICATE_NOT_YET_VALID")),
    ):
        assert desk.verify(signature, **bare(doctor), at=at) == expected
    assert desk.judge(doctor, at="2099-01-01T00:00:00Z") == ("INVALID", "EXPIRED")


def test_a_certificate_is_judged_for_a_purpose(desk: Desk, doctors: dict[str, Doctor]) -> None:
    told = desk.judge(doctors["p256"], purpose="timestamping")
    assert told == ("INVALID", "BAD_EXTENDED_KEY_USAGE")


def test_a_revoked_certificate_is_found_by_ocsp_at_once_and_on_the_list_soon(
    desk: Desk, passing: Doctor
) -> None:
    signature = passing.sign()
    assert desk.judge(passing, check="both") == ("VALID", "VALID")
    desk.change(passing, "revoke", reason="key_compromise")
    revoked = ("INVALID", "CERTIFICATE_REVOKED")
    assert desk.verify(signature, **bare(passing), check="ocsp") == revoked
    await_list(desk, passing, ("INVALID", "REVOKED"))
    assert desk.verify(signature, **bare(passing), check="crl") == revoked
    assert desk.verify(signature, **bare(passing)) == ("VALID", "VALID")  # nobody has asked


def test_a_hold_is_told_apart_and_ends(desk: Desk, passing: Doctor) -> None:
    desk.change(passing, "hold")
    assert desk.judge(passing, check="ocsp") == ("INDETERMINATE", "ON_HOLD")
    await_list(desk, passing, ("INDETERMINATE", "ON_HOLD"))
    desk.change(passing, "release")
    assert desk.judge(passing, check="ocsp") == ("VALID", "VALID")
    await_list(desk, passing, ("VALID", "VALID"))


def await_list(desk: Desk, doctor: Doctor, expected: tuple[str, str]) -> None:
    wait_until(
        lambda: desk.judge(doctor, check="crl") == expected, guard_s=GUARD_S, what=str(expected)
    )


def test_a_chain_to_no_root_of_ours_is_told_apart(desk: Desk, tmp_path: Path) -> None:
    key, leaf = tmp_path / "key.pem", tmp_path / "leaf.pem"
    openssl.run("genpkey", *NEW_KEY["p256"], "-out", key)
    subject = ("-subj", "/CN=Nobody's", "-days", "30")
    openssl.run("req", "-x509", "-new", "-sha256", "-key", key, *subject, "-out", leaf)
    stranger = Doctor(tmp_path, "p256", {"certificate": leaf.read_text("ascii")})
    unknown = ("INDETERMINATE", "CERTIFICATE_UNKNOWN_ISSUER")
    assert desk.verify(stranger.sign(), **bare(stranger)) == unknown
    assert desk.verify(stranger.cms("-nodetach"), document=None) == unknown


# --- GB/T 38629 -----------------------------------------------------------------------------------


def test_operations_answer_on_certificates(desk: Desk, doctors: dict[str, Doctor]) -> None:
    doctor = doctors["sm2"]
    serial = doctor.registered["serial_number"]
    assert desk.perform("ExportCert", identification=serial)["cert"] == doctor.der
    assert desk.perform("ParseCert", cert=doctor.der, infoType=0x31)["info"] == "Li"
    for ocsp in (False, True):
        told = desk.perform("ValidateCert", cert=doctor.der, ocsp=ocsp)
        assert (told["respValue"], told["state"]) == (SUCCESS, 0)


@pytest.mark.parametrize(("kind", "method"), [("sm2", SM3_SM2), ("rsa", SHA256_RSA)])
def test_operations_answer_on_signatures(
    desk: Desk, doctors: dict[str, Doctor], kind: str, method: int
) -> None:
    doctor = doctors[kind]
    given = {
        "signMethod": method,
        "inData": base64.b64encode(DOCUMENT).decode(),
        "signature": base64.b64encode(doctor.sign()).decode(),
    }
    by_serial = {"type": 2, "certSN": doctor.registered["serial_number"]}
    for whose in ({"cert": doctor.der}, by_serial):
        assert desk.perform("VerifySignedData", **given, **whose)["respValue"] == SUCCESS
    other = {**given, "inData": "AAAA", "cert": doctor.der}
    assert desk.perform("VerifySignedData", **other)["respValue"] == BAD


def test_operations_answer_on_messages_in_json_and_as_forms(
    desk: Desk, doctors: dict[str, Doctor]
) -> None:
    message = base64.b64encode(doctors["p256"].cms("-nodetach")).decode()
    fields = {"signedMessage": message, "originalTextFlag": True}
    assert desk.perform("VerifySignedMessage", **fields)["respValue"] == SUCCESS
    form = urlencode({"signedMessage": message, "originalTextFlag": "true"}).encode()
    media_type = "application/x-www-form-urlencoded"
    path = "/v1/sof/VerifySignedMessage"
    answer = desk.application.ask("POST", path, form, Content_Type=media_type)
    assert (answer.status, answer.fields["content-type"]) == (200, media_type)
    assert parse_qs(answer.body.decode())["respValue"] == [str(SUCCESS)]


def test_a_revoked_certificate_has_its_code_there(desk: Desk, passing: Doctor) -> None:
    desk.change(passing, "revoke", reason="key_compromise")
    told = desk.perform("ValidateCert", cert=passing.der, ocsp=True)
    assert (told["respValue"], told["state"]) == (REVOKED, 1)
