import base64
from urllib.parse import parse_qs, urlencode

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import VALIDITY, authority, make_root, signing
from kit.crls import List, after_stamping, revoked
from kit.ocsp import as_responder, responder
from kit.signatures import DOCUMENT, signatory
from kit.verification import CRL_URL, NOW, OCSP_URL, Network, Room, ocsp_page, person, settled

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import extension
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import GOOD
from appliance.asn1.x509 import Validity
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import NotFound
from appliance.pki.signatures.making import Style, sign_data
from appliance.services.verification.cert_items import CertItem
from appliance.services.verification.operation_shapes import FORM, JSON, RespValue, SignMethod
from appliance.services.verification.operations import Operations, operation_table

ROOT = authority(KeyAlgorithm.SM2).root
DOCTOR = person(extensions=[extension("2.999.3", b"\x05\x00", critical=False)])
NURSE = person(serial_number=90)
RAW = signing(DOCTOR.key)(DOCUMENT)
STYLES = {name: Style(is_attached=name == "inside") for name in ("inside", "apart")}
MESSAGES = {
    name: sign_data(DOCUMENT, [signatory(DOCTOR)], style=style) for name, style in STYLES.items()
}


async def find(identifier):
    if identifier != "doctor":
        raise NotFound("nobody")
    return DOCTOR.certificate.der


def operations(*entries):
    listed = attrs.evolve(List(issuer=ROOT), entries=entries).der()
    page = ocsp_page(as_responder(responder(KeyAlgorithm.SM2)), lambda _: GOOD, NOW)
    network = Network({CRL_URL: lambda _: listed, OCSP_URL: page})
    return operation_table(Operations(Room(network).verifier(), find))


def perform(name, *entries, **fields):
    """Perform in JSON and as a form, which must say the same."""
    table = operations(*entries)
    answer = msgspec.json.decode(settled(table[name](msgspec.json.encode(fields), JSON)))
    written = {key: value_of(value) for key, value in fields.items()}
    form = parse_qs(settled(table[name](urlencode(written).encode(), FORM)).decode())
    assert int(form["respValue"][0]) == answer["respValue"]
    assert set(form) == {key for key, value in answer.items() if value != ""}
    return answer


def value_of(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else value


def data(**fields):
    given = {
        "signMethod": int(SignMethod.SM3_SM2),
        "cert": DOCTOR.certificate.der,
        "inData": DOCUMENT,
        "inDataLen": len(DOCUMENT),
        "signature": RAW,
    }
    return {**given, **fields}


def test_a_certificate_is_given_by_its_identifier():
    answer = perform("ExportCert", identification="doctor")
    assert answer["respValue"] == RespValue.SUCCESS
    assert base64.b64decode(answer["cert"]) == DOCTOR.certificate.der
    assert perform("ExportCert", identification="x")["respValue"] == RespValue.CERT_ID


def test_a_certificate_is_parsed_whole_or_by_item():
    whole = perform("ParseCert", cert=DOCTOR.certificate.der)
    assert whole["particulars"]["subject"] == "CN=Doctor,O=Hospital,C=CN"
    items = {
        item: perform("ParseCert", cert=DOCTOR.certificate.der, infoType=int(item))["info"]
        for item in CertItem
        if item not in EMPTY
    }
    assert items[CertItem.VERSION] == "3"
    assert items[CertItem.SERIAL] == "4d"
    assert items[CertItem.SUBJECT_CN] == "Doctor"
    assert items[CertItem.ISSUER_O] == "Shiyin test"
    assert items[CertItem.KEY_USAGE] == "digital_signature,non_repudiation"
    assert items[CertItem.CRL_DISTRIBUTION_POINTS] == CRL_URL
    assert base64.b64decode(items[CertItem.PUBLIC_KEY]) == DOCTOR.certificate.spki
    assert items[CertItem.VALID_TIME].startswith("2025-01-01T00:00:00.000000Z,2044")
    assert items[CertItem.BASIC_CONSTRAINTS] == "CA:False,pathlen:None"
    own = msgspec.json.decode(items[CertItem.SELF_DEFINED_EXTENSIONS])
    assert [each["oid"] for each in own] == ["2.999.3"]
    listed = msgspec.json.decode(items[CertItem.EXTENSIONS])
    assert {"2.999.3", oids.KEY_USAGE} <= {each["oid"] for each in listed}
    assert items[CertItem.POLICY_MAPPINGS] == "[]"
    assert items[CertItem.NOT_AFTER].startswith("2044-12-31")


EMPTY = {
    CertItem.PRIVATE_KEY_USAGE_PERIOD,
    CertItem.CERTIFICATE_POLICIES,
    CertItem.EXT_KEY_USAGE,
    CertItem.ISSUER_OU,
    CertItem.SUBJECT_OU,
    CertItem.SUBJECT_EMAIL,
}


def test_an_item_that_is_not_there_is_empty_and_one_unknown_is_refused():
    for item in EMPTY:
        assert perform("ParseCert", cert=DOCTOR.certificate.der, infoType=int(item))["info"] == ""
    for number in (0x1B, 0xFF):
        answer = perform("ParseCert", cert=DOCTOR.certificate.der, infoType=number)
        assert answer["respValue"] == RespValue.CERT_INFO_TYPE
    assert perform("ParseCert", cert=b"x")["respValue"] == RespValue.CERT_DECODE


def test_a_certificate_is_validated_by_list_or_by_ocsp():
    for ocsp in (False, True):
        answer = perform("ValidateCert", cert=DOCTOR.certificate.der, ocsp=ocsp)
        assert (answer["respValue"], answer["state"]) == (RespValue.SUCCESS, 0)
    entry = revoked(DOCTOR.certificate, after_stamping(1), CrlReason.KEY_COMPROMISE)
    answer = perform("ValidateCert", entry, cert=DOCTOR.certificate.der)
    assert (answer["respValue"], answer["state"]) == (RespValue.CERT_REMOVED, 1)


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        (person(validity=Validity(VALIDITY.not_before, after_stamping(1))), "CERT_INVALID_AF"),
        (person(validity=Validity(after_stamping(5), VALIDITY.not_after)), "CERT_INVALID_BF"),
        (person(issuer=make_root(KeyAlgorithm.SM2)), "CERT"),
        (person(crl=()), "SERVER_CONNECT"),
    ],
)
def test_each_fault_of_a_certificate_has_its_code(certificate, code):
    answer = perform("ValidateCert", cert=certificate.certificate.der)
    assert answer["respValue"] == RespValue[code]
    assert answer["state"] == 2


def test_a_certificate_that_is_none_does_not_decode():
    assert perform("ValidateCert", cert=b"x")["respValue"] == RespValue.CERT_DECODE


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_signature_over_data_is_verified(level):
    assert perform("VerifySignedData", **data(verifyLevel=level))["respValue"] == 0
    by_number = data(verifyLevel=level, type=2, certSN="doctor", cert=b"")
    assert perform("VerifySignedData", **by_number)["respValue"] == 0


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"inData": b"another", "inDataLen": 7}, "INVALID_SIGNATURE"),
        ({"cert": NURSE.certificate.der}, "INVALID_SIGNATURE"),
        ({"inDataLen": 3}, "INVALID_DATA_FORMAT"),
        ({"signMethod": 0x00020202}, "SIGN_METHOD"),
        ({"signMethod": int(SignMethod.SHA256_RSA)}, "SIGN_METHOD"),
        ({"cert": b"x"}, "CERT_DECODE"),
        ({"type": 2, "certSN": "nobody"}, "CERT"),
        ({"verifyLevel": 3}, "INVALID_DATA_FORMAT"),
    ],
)
def test_each_fault_of_a_signature_has_its_code(changed, code):
    assert perform("VerifySignedData", **data(**changed))["respValue"] == RespValue[code]


def test_a_level_asks_for_no_more_than_it_says():
    entry = revoked(DOCTOR.certificate, after_stamping(1), CrlReason.KEY_COMPROMISE)
    stranger = person(issuer=make_root(KeyAlgorithm.SM2))
    ended = person(validity=Validity(VALIDITY.not_before, after_stamping(1)))
    for subject, codes in (
        (DOCTOR, ["SUCCESS", "SUCCESS", "CERT_REMOVED"]),
        (stranger, ["SUCCESS", "CERT", "CERT"]),
        (ended, ["CERT_INVALID_AF"] * 3),
    ):
        fields = data(cert=subject.certificate.der, signature=signing(subject.key)(DOCUMENT))
        found = [
            perform("VerifySignedData", entry, **fields, verifyLevel=level)["respValue"]
            for level in range(3)
        ]
        assert found == [RespValue[code] for code in codes]


def test_an_rsa_signature_over_data_is_verified():
    tsa = authority(KeyAlgorithm.RSA).tsa
    fields = data(
        signMethod=int(SignMethod.SHA256_RSA),
        cert=tsa.certificate.der,
        signature=signing(tsa.key)(DOCUMENT),
        verifyLevel=1,
    )
    assert perform("VerifySignedData", **fields)["respValue"] == 0


def test_signed_messages_are_verified_with_the_document_inside_or_apart():
    inside = {"signedMessage": MESSAGES["inside"], "originalTextFlag": True}
    apart = {"signedMessage": MESSAGES["apart"], "inData": DOCUMENT}
    for fields in (inside, apart):
        assert perform("VerifySignedMessage", **fields)["respValue"] == 0
    for fields, code in (
        ({**apart, "inData": b"another"}, "INVALID_SIGNATURE"),
        ({**apart, "originalTextFlag": True}, "INVALID_DATA_FORMAT"),
        ({**apart, "inDataLen": 1}, "INVALID_DATA_FORMAT"),
        ({**apart, "hashFlag": True}, "INVALID_DATA_FORMAT"),
        ({"signedMessage": b"x"}, "INVALID_DATA_FORMAT"),
    ):
        assert perform("VerifySignedMessage", **fields)["respValue"] == RespValue[code]


@given(st.binary(max_size=60), st.sampled_from([JSON, FORM]))
def test_garbage_is_answered_with_a_code(body, content_type):
    for handle in operations().values():
        answer = settled(handle(body, content_type))
        assert b"respValue" in answer


def test_a_field_of_a_form_stands_once():
    body = b"identification=doctor&identification=nurse"
    answer = parse_qs(settled(operations()["ExportCert"](body, FORM)).decode())
    assert int(answer["respValue"][0]) == RespValue.INVALID_DATA_FORMAT
