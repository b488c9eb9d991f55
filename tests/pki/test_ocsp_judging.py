"""Answers with one fault each, and the code that tells it."""

import hashlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import VALIDITY, Subject, authority, generate, make_root, signing
from kit.crls import after_stamping
from kit.ocsp import LATER, NOW, Answer, make_responder, responder, verify

from appliance.asn1 import der, keys, oids
from appliance.asn1.extension.extensions import KeyUsage, extended_key_usage, extension
from appliance.asn1.names import encode_name
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import GOOD, UNKNOWN, CertStatus, CertStatusKind, ResponseStatus
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.asn1.x509 import Validity, assemble, decode_certificate, encode_tbs
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.verifier import Verification
from appliance.errors import Malformed
from appliance.pki.issuing import CertificateTemplate, spki_of
from appliance.pki.ocsp.judging import SKEW_S, OcspCode, judge_response, read_response
from appliance.quantities import Utc

MADE = authority(KeyAlgorithm.P256)
TSA, ROOT = MADE.tsa.certificate, MADE.root.certificate
REVOKED = CertStatus(CertStatusKind.REVOKED, after_stamping(-3), CrlReason.KEY_COMPROMISE)
PLAIN = Answer()


def judged(made=PLAIN, **changes):
    question = {"at": NOW, "verify": verify} | changes
    root = authority(made.algorithm).root.certificate
    certificate = authority(made.algorithm).tsa.certificate
    return judge_response(read_response(made.der()), certificate, root, **question)


def moved(instant, seconds):
    return Utc(instant.posix_us + seconds * 1_000_000)


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
@pytest.mark.parametrize(
    ("status", "code"),
    [(GOOD, OcspCode.GOOD), (UNKNOWN, OcspCode.UNKNOWN), (REVOKED, OcspCode.REVOKED)],
)
def test_what_a_delegated_responder_tells_is_known(algorithm, status, code):
    told = judged(Answer(algorithm=algorithm, status=status, nonce=b"n"), nonce=b"n")
    assert (told.code, told.status) == (code, status)
    assert told.is_told
    assert (told.this_update, told.next_update) == (NOW, LATER)
    assert told.responder == responder(algorithm).certificate
    assert not told.must_check_responder


def test_the_issuer_may_answer_itself():
    told = judged(Answer(signer=MADE.root, certificates=()))
    assert (told.code, told.responder) == (OcspCode.GOOD, ROOT)
    assert not told.must_check_responder


@pytest.mark.parametrize("named", [MADE.root, responder(KeyAlgorithm.P256)])
def test_a_responder_may_be_named_by_its_key(named):
    response = read_response(PLAIN.der())
    by_key = hashlib.sha1(named.certificate.key.octets).digest()
    basic = attrs.evolve(response.basic, responder_name=None, responder_key_hash=by_key)
    told = judge_response(attrs.evolve(response, basic=basic), TSA, ROOT, at=NOW, verify=verify)
    is_signer = named is not MADE.root
    assert told.code is (OcspCode.GOOD if is_signer else OcspCode.BAD_SIGNATURE)


def test_a_responder_that_may_be_revoked_is_told():
    kind = CertificateTemplate(
        "ocsp", frozenset({KeyUsage.DIGITAL_SIGNATURE}), extended_key_usage=(oids.OCSP_SIGNING,)
    )
    signer = MADE.root.issue(kind, "OCSP", generate(KeyAlgorithm.P256))
    told = judged(Answer(signer=signer))
    assert told.code is OcspCode.GOOD
    assert told.must_check_responder


def test_nobody_answered():
    response = read_response(encode_error(ResponseStatus.TRY_LATER))
    told = judge_response(response, TSA, ROOT, at=NOW, verify=verify)
    assert (told.code, told.refusal) == (OcspCode.NO_ANSWER, ResponseStatus.TRY_LATER)
    assert not told.is_told


def expired():
    return make_responder(MADE.root, validity=Validity(after_stamping(-9), after_stamping(-2)))


def of_another_authority():
    return make_responder(make_root(KeyAlgorithm.P256))


FAULTS = {
    OcspCode.OTHER_CERTIFICATE: lambda: (Answer(about=ROOT), {}),
    OcspCode.NONCE_MISSING: lambda: (PLAIN, {"nonce": b"n"}),
    OcspCode.NONCE_DIFFERS: lambda: (Answer(nonce=b"m"), {"nonce": b"n"}),
    OcspCode.NOT_YET_VALID: lambda: (PLAIN, {"at": moved(NOW, -SKEW_S - 1)}),
    OcspCode.STALE: lambda: (PLAIN, {"at": moved(LATER, SKEW_S + 1)}),
    OcspCode.MALFORMED: lambda: (Answer(next_update=moved(NOW, -1)), {}),
    OcspCode.NO_RESPONDER: lambda: (Answer(certificates=()), {}),
    OcspCode.RESPONDER_NOT_FOR_OCSP: lambda: (Answer(signer=MADE.tsa), {}),
    OcspCode.RESPONDER_EXPIRED: lambda: (Answer(signer=expired()), {}),
    OcspCode.RESPONDER_NOT_DELEGATED: lambda: (Answer(signer=of_another_authority()), {}),
}


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: code.name)
def test_each_fault_has_its_code(code):
    made, changes = FAULTS[code]()
    told = judged(made, **changes)
    assert (told.code, told.status, told.responder) == (code, None, None)


def test_an_answer_holds_within_the_skew():
    for at in (moved(NOW, -SKEW_S), moved(LATER, SKEW_S)):
        assert judged(at=at).code is OcspCode.GOOD


def test_an_answer_without_next_update_is_for_its_own_hour():
    made = Answer(next_update=None)
    assert judged(made, at=moved(NOW, SKEW_S)).code is OcspCode.GOOD
    assert judged(made, at=moved(NOW, SKEW_S + 1)).code is OcspCode.STALE


def test_a_flipped_bit_is_found():
    response = read_response(PLAIN.der())
    flipped = bytearray(response.basic.tbs)
    flipped[-1] ^= 1
    basic = attrs.evolve(response.basic, tbs=bytes(flipped))
    told = judge_response(attrs.evolve(response, basic=basic), TSA, ROOT, at=NOW, verify=verify)
    assert told.code is OcspCode.BAD_SIGNATURE


def test_an_algorithm_that_is_not_known_is_told():
    told = judged(
        verify=lambda spki, *rest: (
            verify(spki, *rest) if spki == ROOT.spki else Verification.UNSUPPORTED
        )
    )
    assert told.code is OcspCode.UNSUPPORTED_ALGORITHM


def test_an_impostor_with_the_issuers_name_is_found_out():
    impostor = make_responder(make_root(KeyAlgorithm.P256))
    assert impostor.certificate.issuer == ROOT.subject
    assert judged(Answer(signer=impostor)).code is OcspCode.RESPONDER_NOT_DELEGATED


def test_a_responder_of_another_issuer_is_no_delegate():
    stranger = make_responder(make_root(KeyAlgorithm.RSA))
    assert judged(Answer(signer=stranger)).code is OcspCode.RESPONDER_NOT_DELEGATED


def test_certificates_that_cannot_be_read_do_no_harm():
    signer = responder(KeyAlgorithm.P256).certificate.der
    assert judged(Answer(certificates=(der.sequence(), signer))).code is OcspCode.GOOD


@pytest.mark.parametrize("where", ["answer", "word"])
def test_a_critical_extension_that_is_not_understood_makes_it_say_nothing(where):
    response = read_response(PLAIN.der())
    basic, odd = response.basic, frozenset({"1.2.3"})
    if where == "answer":
        basic = attrs.evolve(basic, critical=odd)
    else:
        basic = attrs.evolve(basic, responses=(attrs.evolve(basic.responses[0], critical=odd),))
    told = judge_response(attrs.evolve(response, basic=basic), TSA, ROOT, at=NOW, verify=verify)
    assert told.code is OcspCode.UNSUPPORTED_CRITICAL_EXTENSION


def test_a_critical_extension_of_the_responder_counts_too():
    key = generate(KeyAlgorithm.P256)
    tbs = encode_tbs(
        serial_number=7,
        algorithm=keys.ECDSA_WITH_SHA256,
        issuer=ROOT.subject.der,
        validity=VALIDITY,
        subject=encode_name("OCSP"),
        spki=spki_of(key.algorithm, key.public),
        extensions=[
            extended_key_usage(oids.OCSP_SIGNING),
            extension("1.2.3", der.NULL_VALUE, critical=True),
        ],
    )
    encoded = assemble(tbs, keys.ECDSA_WITH_SHA256, signing(MADE.root.key)(tbs))
    told = judged(Answer(signer=Subject(key, decode_certificate(encoded))))
    assert told.code is OcspCode.UNSUPPORTED_CRITICAL_EXTENSION


def test_octets_that_are_no_answer_are_malformed():
    with pytest.raises(Malformed):
        read_response(b"?")


@given(st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), min_size=1, max_size=3))
def test_no_mutated_answer_tells_anything_new(changes):
    octets = Answer(status=REVOKED).der()
    mutated = bytearray(octets)
    for position, octet in changes:
        mutated[position % len(octets)] = octet
    try:
        response = read_response(bytes(mutated))
    except Malformed:
        return
    told = judge_response(response, TSA, ROOT, at=NOW, verify=verify)
    assert told.status in (None, REVOKED)
