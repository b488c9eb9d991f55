"""Verification over HTTP: the rooms' own words, and the operations of GB/T 38629."""

import base64
from urllib.parse import parse_qs, urlencode

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import make_root, signing
from kit.http import Answer
from kit.rest import Cell, Interface, matrix, token_of
from kit.signatures import DOCUMENT, signatory
from kit.verification import Room, pem_of, person
from schemathesis.specs.openapi.definitions import OPENAPI_31

from appliance.asn1 import oids
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import NotFound
from appliance.pki.signatures.making import Style, sign_data
from appliance.pki.signatures.schemes import digest
from appliance.services.registration.accounts import Role
from appliance.services.verification.operation_shapes import FORM, JSON, RespValue, SignMethod
from appliance.services.verification.operations import Operations
from appliance.services.verification.shapes import CertificateAnswer, VerificationAnswer
from appliance.wire.http.values import PROBLEM
from appliance.wire.rest.openapi import describe
from appliance.wire.rooms.verification import BODY_OCTETS, VerificationRoom

DOCTOR = person()
RAW = signing(DOCTOR.key)(DOCUMENT)
ATTACHED = sign_data(DOCUMENT, [signatory(DOCTOR)], style=Style(is_attached=True))
APART = sign_data(DOCUMENT, [signatory(DOCTOR)])
DATA = {
    "signMethod": int(SignMethod.SM3_SM2),
    "cert": DOCTOR.certificate.der,
    "inData": DOCUMENT,
    "signature": RAW,
    "verifyLevel": 1,
}


async def find(identifier: str) -> bytes:
    if identifier != "4d":
        raise NotFound("nobody")
    return DOCTOR.certificate.der


def interface(room: Room | None = None) -> Interface:
    operations = Operations((room or Room()).verifier(), find)
    return Interface(VerificationRoom(operations, deadline_s=60.0).operations())


INTERFACE = interface()
CELLS = matrix(INTERFACE.table.operations)


def ask(target: str, body: object, role: Role = Role.APPLICATION, **fields: str) -> Answer:
    return INTERFACE.ask("POST", target, body, role, **fields)


def verify(**question: object) -> VerificationAnswer:
    answer = ask("/v1/verify", question)
    assert (answer.status, answer.fields["content-type"]) == (200, JSON)
    return msgspec.json.decode(answer.body, type=VerificationAnswer)


def perform(name: str, **fields: object) -> dict[str, object]:
    answer = ask(f"/v1/sof/{name}", fields)
    assert (answer.status, answer.fields["content-type"]) == (200, JSON)
    return msgspec.json.decode(answer.body)


# --- who may, and what is told of it --------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_every_operation_is_for_its_roles_alone(cell: Cell) -> None:
    token = cell.token({role: token_of(role) for role in Role})
    fields = {"Content-Type": cell.media_type}
    if token is not None:
        fields["Authorization"] = f"Bearer {token}"
    answer = INTERFACE.ask("POST", cell.target, cell.body, None, **fields)
    assert cell.holds(answer.status)


def test_the_document_describes_both_ways_to_write_a_body() -> None:
    document = msgspec.json.decode(
        msgspec.json.encode(describe(INTERFACE.table, title="Verification", version="1"))
    )
    jsonschema_rs.validator_for(OPENAPI_31).validate(document)
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    for path, methods in document["paths"].items():
        for content in (
            methods["post"]["requestBody"]["content"],
            methods["post"]["responses"]["200"]["content"],
        ):
            assert list(content) == ([JSON, FORM] if "/sof/" in path else [JSON])
            assert all("$ref" in each["schema"] for each in content.values())
        assert methods["post"]["parameters"] == []


# --- signatures and certificates ------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        {"signatures": (RAW,), "document": DOCUMENT, "certificate": pem_of(DOCTOR)},
        {"signatures": (ATTACHED,)},
        {"signatures": (APART, ATTACHED), "document": DOCUMENT},
        {
            "signatures": (APART,),
            "digest": {"algorithm": "sm3", "value": digest(oids.SM3, DOCUMENT)},
        },
    ],
)
def test_signatures_are_verified(question: dict[str, object]) -> None:
    answer = verify(**question)
    assert answer.verdict == "VALID"
    assert len(answer.signatures) == len(question["signatures"])


def test_a_bad_signature_is_an_answer() -> None:
    answer = verify(signatures=(APART,), document=b"another")
    assert (answer.verdict, answer.signatures[0].reason) == ("INVALID", "DOCUMENT_MISMATCH")


def test_a_certificate_is_judged() -> None:
    stranger = person(issuer=make_root(KeyAlgorithm.SM2))
    for subject, expected in (
        (DOCTOR, ("VALID", "VALID")),
        (stranger, ("INDETERMINATE", "UNKNOWN_ISSUER")),
    ):
        body = ask("/v1/verify/certificate", {"certificate": pem_of(subject)}).body
        told = msgspec.json.decode(body, type=CertificateAnswer)
        assert (told.verdict, told.reason) == expected
    assert told.chain == (str(stranger.certificate.subject),)


def test_a_document_of_a_mebibyte_may_be_inside_its_signature_or_apart() -> None:
    document = bytes(1 << 20)
    inside = sign_data(document, [signatory(DOCTOR)], style=Style(is_attached=True))
    assert verify(signatures=(inside,)).verdict == "VALID"
    apart = sign_data(document, [signatory(DOCTOR)])
    assert verify(signatures=(apart,), document=document).verdict == "VALID"
    answer = ask("/v1/verify", b" " * (BODY_OCTETS + 1), Content_Type=JSON)
    assert answer.status == 413


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({}, 400),
        ({"signatures": []}, 400),
        ({"signatures": (RAW,), "key": "x"}, 400),
        ({"signatures": (RAW,), "document": b"", "pieces": ()}, 400),
        ({"signatures": (RAW,), "certificate": "none"}, 400),
        ({"signatures": (RAW,), "at": "tomorrow"}, 400),
        ({"signatures": (RAW,), "at": "2026-13-01T00:00:00Z"}, 400),
    ],
)
def test_a_question_that_is_none_is_a_problem(question: dict[str, object], status: int) -> None:
    answer = ask("/v1/verify", question)
    assert (answer.status, answer.fields["content-type"]) == (status, PROBLEM)


def test_too_many_questions_at_once_are_put_off() -> None:
    busy = interface(Room(at_once=0))
    question = {"signatures": (ATTACHED,)}
    answer = busy.ask("POST", "/v1/verify", question, Role.AUDITOR)
    assert (answer.status, "retry-after" in answer.fields) == (503, True)
    answer = busy.ask("POST", "/v1/sof/VerifySignedData", DATA, Role.APPLICATION)
    assert answer.status == 503


def test_an_answer_is_not_kept_under_a_key() -> None:
    ask("/v1/verify", {"signatures": (ATTACHED,)}, Idempotency_Key="k")
    assert not INTERFACE.memory.kept


# --- the operations of GB/T 38629 -----------------------------------------------------------------


def test_each_operation_answers() -> None:
    cert = DOCTOR.certificate.der
    assert perform("ExportCert", identification="4d")["cert"] == base64.b64encode(cert).decode()
    assert perform("ParseCert", cert=cert, infoType=0x31)["info"] == "Doctor"
    assert perform("ValidateCert", cert=cert)["respValue"] == RespValue.SERVER_CONNECT
    assert perform("VerifySignedData", **DATA)["respValue"] == RespValue.SUCCESS
    message = {"signedMessage": ATTACHED, "originalTextFlag": True, "verifyLevel": 1}
    assert perform("VerifySignedMessage", **message)["respValue"] == RespValue.SUCCESS


def test_a_form_is_answered_with_a_form() -> None:
    fields = {
        name: base64.b64encode(value).decode() if isinstance(value, bytes) else value
        for name, value in DATA.items()
    }
    answer = ask(
        "/v1/sof/VerifySignedData",
        urlencode(fields).encode(),
        Content_Type=f"{FORM.title()}; charset=UTF-8",
    )
    assert (answer.status, answer.fields["content-type"]) == (200, FORM)
    assert parse_qs(answer.body.decode())["respValue"] == ["0"]


def test_what_is_neither_json_nor_a_form_is_refused() -> None:
    answer = ask("/v1/sof/ParseCert", b"<cert/>", Content_Type="text/xml")
    assert answer.status == 415
    assert f"{JSON} or {FORM}" in msgspec.json.decode(answer.body)["detail"]
    assert ask("/v1/sof/SignData", b"{}", Content_Type=JSON).status == 404


@given(
    name=st.sampled_from(["ExportCert", "ParseCert", "ValidateCert", "VerifySignedMessage"]),
    body=st.binary(max_size=200)
    | st.dictionaries(
        st.sampled_from(["cert", "infoType", "identification", "signedMessage", "ocsp"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        max_size=4,
    ).map(msgspec.json.encode),
    media_type=st.sampled_from([JSON, FORM]),
)
def test_whatever_is_sent_is_answered_with_a_code(name: str, body: bytes, media_type: str) -> None:
    answer = ask(f"/v1/sof/{name}", body, Content_Type=media_type)
    assert (answer.status, answer.fields["content-type"]) == (200, media_type)
    text = answer.body.decode()
    told = (
        parse_qs(text)["respValue"][0]
        if media_type == FORM
        else msgspec.json.decode(text)["respValue"]
    )
    assert int(told) in set(RespValue)
