import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import VALIDITY, authority, make_root, signing
from kit.crls import DAY_US, List, after_stamping, revoked
from kit.ocsp import as_responder, responder
from kit.signatures import DOCUMENT, signatory
from kit.verification import (
    CRL_URL,
    NOW,
    OCSP_URL,
    Network,
    Room,
    ocsp_page,
    pem_of,
    person,
    settled,
)
from twisted.internet.defer import Deferred

from appliance.asn1 import oids, pem
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import GOOD, CertStatus, CertStatusKind
from appliance.asn1.x509 import Validity
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed, Refused, Unavailable
from appliance.pki.signatures.making import Style, sign_data
from appliance.pki.signatures.schemes import digest
from appliance.quantities import Utc
from appliance.services.verification import shapes
from appliance.services.verification.shapes import CertificateQuestion, SignatureQuestion

ROOT = authority(KeyAlgorithm.SM2).root
DOCTOR = person()
RAW = signing(DOCTOR.key)(DOCUMENT)
ATTACHED = sign_data(DOCUMENT, [signatory(DOCTOR)], style=Style(is_attached=True))
APART = sign_data(DOCUMENT, [signatory(DOCTOR)])


def ask(room=None, **fields):
    fields.setdefault("signatures", (RAW,))
    question = msgspec.convert(fields, SignatureQuestion)
    return settled((room or Room()).verifier().signatures(question))


def reason(answer):
    (one,) = answer.signatures
    return one.verdict, one.reason


def with_list(*entries, **knobs):
    listed = attrs.evolve(List(issuer=ROOT), entries=entries, **knobs).der()
    return Room(Network({CRL_URL: lambda _: listed}))


def with_ocsp(status):
    page = ocsp_page(as_responder(responder(KeyAlgorithm.SM2)), lambda _: status, NOW)
    return Room(Network({OCSP_URL: page}))


def test_a_raw_signature_is_answered_with_its_certificate():
    answer = ask(document=DOCUMENT, certificate=pem_of(DOCTOR))
    assert answer.verdict == "VALID"
    assert answer.checked_at == NOW.isoformat()
    (one,) = answer.signatures
    assert (one.form, one.has_document, one.reason) == ("raw", False, "VALID")
    (signer,) = one.signers
    assert signer.certificate.subject == "CN=Doctor,O=Hospital,C=CN"
    assert (signer.algorithm, signer.digest_algorithm) == (oids.SM2_WITH_SM3, oids.SM3)
    assert signer.validity.verdict == "VALID"
    assert signer.validity.chain[-1] == str(ROOT.certificate.subject)
    assert msgspec.json.decode(msgspec.json.encode(answer))["verdict"] == "VALID"


def test_a_document_may_come_in_pieces():
    pieces = (DOCUMENT[:5], DOCUMENT[5:])
    assert ask(pieces=pieces, certificate=pem_of(DOCTOR)).verdict == "VALID"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"signatures": (ATTACHED,)}, ("VALID", "VALID")),
        ({"signatures": (ATTACHED,), "document": b"other"}, ("INVALID", "DOCUMENT_MISMATCH")),
        ({"signatures": (APART,)}, ("INDETERMINATE", "NO_DOCUMENT")),
        ({"signatures": (APART,), "document": DOCUMENT}, ("VALID", "VALID")),
        ({"signatures": (pem.write("PKCS7", ATTACHED),)}, ("VALID", "VALID")),
        ({"signatures": (pem.write("CMS", ATTACHED),), "form": "cms"}, ("VALID", "VALID")),
        (
            {
                "signatures": (APART,),
                "digest": {"algorithm": "sm3", "value": digest(oids.SM3, DOCUMENT)},
            },
            ("VALID", "VALID"),
        ),
        (
            {
                "signatures": (APART,),
                "digest": {"algorithm": "sha256", "value": digest(oids.SHA256, DOCUMENT)},
            },
            ("INDETERMINATE", "NO_DOCUMENT"),
        ),
        (
            {"signatures": (ATTACHED,), "certificate": pem_of(person(serial_number=78))},
            ("INVALID", "WRONG_CERTIFICATE"),
        ),
        ({"document": b"other", "certificate": pem_of(DOCTOR)}, ("INVALID", "BAD_SIGNATURE")),
        ({"document": DOCUMENT}, ("INDETERMINATE", "NO_SIGNER_CERTIFICATE")),
        ({"certificate": pem_of(DOCTOR)}, ("INDETERMINATE", "NO_DOCUMENT")),
        (
            {"certificate": pem_of(DOCTOR), "digest": {"algorithm": "sm3", "value": bytes(32)}},
            ("INDETERMINATE", "NO_DOCUMENT"),
        ),
        (
            {"document": DOCUMENT, "certificate": pem_of(DOCTOR), "hash": "sha256"},
            ("INVALID", "ALGORITHM_MISMATCH"),
        ),
        (
            {"document": DOCUMENT, "certificate": pem_of(DOCTOR), "sm2_id": b"another"},
            ("INVALID", "NON_STANDARD_SM2_ID"),
        ),
        (
            {"document": DOCUMENT, "certificate": pem_of(DOCTOR), "purpose": "timestamping"},
            ("INVALID", "CERTIFICATE_BAD_EXTENDED_KEY_USAGE"),
        ),
        (
            {"signatures": (ATTACHED,), "at": "2050-01-01T00:00:00Z"},
            ("INVALID", "CERTIFICATE_EXPIRED"),
        ),
        (
            {"signatures": (ATTACHED,), "at": "2024-12-31T23:59:59.5Z"},
            ("INDETERMINATE", "CERTIFICATE_NOT_YET_VALID"),
        ),
        ({"signatures": (b"\x30\x03\x02\x01\x01",), "form": "cms"}, ("INVALID", "MALFORMED")),
    ],
)
def test_each_thing_that_is_wrong_has_its_own_word(fields, expected):
    assert reason(ask(**fields)) == expected


def test_an_expired_certificate_and_a_strange_chain_have_their_own_words():
    past = Validity(VALIDITY.not_before, after_stamping(1))
    ended = person(validity=past)
    stranger = person(issuer=make_root(KeyAlgorithm.SM2))
    for signer, expected in (
        (ended, ("INVALID", "CERTIFICATE_EXPIRED")),
        (stranger, ("INDETERMINATE", "CERTIFICATE_UNKNOWN_ISSUER")),
    ):
        signature = signing(signer.key)(DOCUMENT)
        told = ask(signatures=(signature,), document=DOCUMENT, certificate=pem_of(signer))
        assert reason(told) == expected
    then = "2026-03-01T08:30:00Z"
    signature = signing(ended.key)(DOCUMENT)
    told = ask(signatures=(signature,), document=DOCUMENT, certificate=pem_of(ended), at=then)
    assert told.verdict == "VALID"


def test_lists_are_asked_where_that_is_wanted():
    entry = revoked(DOCTOR.certificate, after_stamping(1), CrlReason.KEY_COMPROMISE)
    room = with_list(entry)
    assert ask(room, signatures=(ATTACHED,)).verdict == "VALID"
    assert room.network.asked == []
    for check in ("crl", "both"):
        told = ask(room, signatures=(ATTACHED,), check=check)
        assert reason(told) == ("INVALID", "CERTIFICATE_REVOKED")
    assert ask(with_list(), signatures=(ATTACHED,), check="crl").verdict == "VALID"


def test_lists_may_be_given_or_come_inside():
    entry = revoked(DOCTOR.certificate, after_stamping(1), CrlReason.KEY_COMPROMISE)
    listed = attrs.evolve(List(issuer=ROOT), entries=(entry,)).der()
    told = ask(signatures=(ATTACHED,), check="crl", crls=(listed,))
    assert reason(told) == ("INVALID", "CERTIFICATE_REVOKED")


def test_what_was_signed_before_a_harmless_revocation_holds():
    entry = revoked(DOCTOR.certificate, after_stamping(1), CrlReason.SUPERSEDED)
    told = ask(with_list(entry), signatures=(ATTACHED,), check="crl", at="2026-03-01T08:30:00Z")
    assert told.verdict == "VALID"


def test_nothing_that_tells_of_revocation_leaves_it_open():
    assert reason(ask(signatures=(ATTACHED,), check="crl")) == (
        "INDETERMINATE",
        "CERTIFICATE_NO_REVOCATION_DATA",
    )
    old = with_list(next_update=Utc(NOW.posix_us - DAY_US // 2))
    assert reason(ask(old, signatures=(ATTACHED,), check="crl")) == (
        "INDETERMINATE",
        "CERTIFICATE_CRL_STALE",
    )


def test_ocsp_is_asked_where_that_is_wanted():
    revoked_since = CertStatus(CertStatusKind.REVOKED, after_stamping(1), CrlReason.KEY_COMPROMISE)
    for check in ("ocsp", "both"):
        assert ask(with_ocsp(GOOD), signatures=(ATTACHED,), check=check).verdict == "VALID"
        told = ask(with_ocsp(revoked_since), signatures=(ATTACHED,), check=check)
        assert reason(told) == ("INVALID", "CERTIFICATE_REVOKED")


def test_every_signature_of_a_question_is_answered():
    forged = bytes((RAW[0] ^ 1,)) + RAW[1:]
    told = ask(signatures=(RAW, forged), document=DOCUMENT, certificate=pem_of(DOCTOR))
    assert [one.verdict for one in told.signatures] == ["VALID", "INVALID"]
    assert told.verdict == "INVALID"


def test_nothing_is_computed_but_in_a_thread():
    asked = with_list()
    asked.run = lambda _: Deferred()
    question = SignatureQuestion(signatures=(ATTACHED,), check="both")
    waiting = Deferred.fromCoroutine(asked.verifier().signatures(question))
    certificate = CertificateQuestion(certificate="no certificate, which nobody has looked at")
    also = Deferred.fromCoroutine(asked.verifier().certificate(certificate))
    assert not waiting.called
    assert not also.called


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"document": b"", "pieces": ()}, Malformed),
        ({"certificate": "no PEM"}, Malformed),
        ({"certificates": "no PEM"}, Malformed),
        ({"crls": (b"no list",)}, Malformed),
        ({"crls": (bytes(5 << 20),)}, Refused),
        ({"at": "2026-02-30T00:00:00Z"}, Malformed),
        ({"digest": {"algorithm": "sha512", "value": bytes(32)}}, Malformed),
        ({"signatures": (b"-----BEGIN PKCS7-----\n",)}, Malformed),
    ],
)
def test_a_question_that_is_none_is_refused(fields, error):
    with pytest.raises(error):
        ask(**fields)


def test_a_document_past_its_bound_is_refused(monkeypatch):
    with pytest.raises(Refused):
        ask(document=bytes(shapes.MAX_DOCUMENT_OCTETS + 1), certificate=pem_of(DOCTOR))


@pytest.mark.parametrize("fields", [{"signatures": ()}, {"form": "x"}, {"at": "now"}, {"x": 1}])
def test_what_the_shape_forbids_is_no_question(fields):
    with pytest.raises(msgspec.ValidationError):
        ask(**fields)


def test_too_many_questions_at_once_are_sent_away():
    room = with_list()
    room.network.held = []
    room.at_once = 1
    verifier = room.verifier()
    question = SignatureQuestion(signatures=(ATTACHED,), check="crl")
    answered = []
    Deferred.fromCoroutine(verifier.signatures(question)).addCallback(answered.append)
    with pytest.raises(Unavailable):
        settled(verifier.signatures(question))
    room.network.held[0].callback(None)
    assert answered[0].verdict == "VALID"
    room.network.held = None
    assert settled(verifier.signatures(question)).verdict == "VALID"


def test_a_certificate_is_judged_alone():
    entry = revoked(DOCTOR.certificate, after_stamping(1))
    verifier = with_list(entry).verifier()
    told = settled(verifier.certificate(CertificateQuestion(certificate=pem_of(DOCTOR))))
    assert (told.verdict, told.reason) == ("VALID", "VALID")
    question = CertificateQuestion(certificate=pem_of(DOCTOR), check="crl")
    told = settled(verifier.certificate(question))
    assert (told.verdict, told.reason) == ("INVALID", "REVOKED")
    assert "Doctor" in told.detail


@given(st.binary(max_size=80), st.sampled_from(["auto", "raw", "der", "cms", "skf"]))
def test_garbage_is_answered_and_never_valid(signature, form):
    answer = ask(
        signatures=(b"x" + signature,), form=form, document=DOCUMENT, certificate=pem_of(DOCTOR)
    )
    assert answer.verdict == "INVALID"
