"""What is asked of a desk, and what it answers."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import VALIDITY, authority, generate, make_root, signing
from kit.crls import after_stamping
from kit.ocsp import NOW, as_responder, make_responder, responder, verify, with_extension

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import extension
from appliance.asn1.names import encode_name
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import (
    GOOD,
    UNKNOWN,
    CertStatus,
    CertStatusKind,
    ResponseStatus,
    decode_request,
    decode_response,
)
from appliance.asn1.status.ocsp_writing import encode_request
from appliance.asn1.x509 import Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.verifier import Verification
from appliance.errors import Fault, NotFound, Refused, Unavailable
from appliance.pki.issuing import spki_of
from appliance.pki.ocsp.answering import OcspDesk, Served, answer, check_responder
from appliance.pki.ocsp.asking import HASHES, cert_id_of, make_request
from appliance.pki.ocsp.certifying import issue_responder
from appliance.quantities import Utc

LIFETIME_S = 3600
MADE = authority(KeyAlgorithm.SM2)
TSA, ROOT = MADE.tsa.certificate, MADE.root.certificate
REVOKED = CertStatus(CertStatusKind.REVOKED, after_stamping(-1), CrlReason.SUPERSEDED)
HALF = Utc(NOW.posix_us + LIFETIME_S // 2 * 1_000_000)


class Book:
    """What an authority knows, and how often it was asked."""

    def __init__(self, status=GOOD):
        self.status = status
        self.asked = []

    def __call__(self, cert_id):
        self.asked.append(cert_id)
        if isinstance(self.status, Exception):
            raise self.status
        return self.status


def desk_of(book, algorithm=KeyAlgorithm.SM2):
    desk = OcspDesk(lifetime_s=LIFETIME_S, kept=2)
    root = authority(algorithm).root.certificate
    desk.serve(Served(root, as_responder(responder(algorithm)), book))
    return desk


def status_of(octets):
    return decode_response(octets).status


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
@pytest.mark.parametrize("hash_oid", HASHES)
def test_an_answer_is_signed_and_about_what_was_asked(algorithm, hash_oid):
    made = authority(algorithm)
    asked = make_request(
        made.tsa.certificate, made.root.certificate, hash_oid=hash_oid, nonce=b"n" * 32
    )
    basic = decode_response(desk_of(Book(), algorithm).answer(asked, NOW)).basic
    signer = responder(algorithm).certificate
    verdict = verify(signer.spki, basic.signature_algorithm.oid, basic.tbs, basic.signature)
    assert verdict is Verification.VALID
    assert basic.responder_name == signer.subject
    assert basic.certificates == (signer.der,)
    assert basic.nonce == b"n" * 32
    single = basic.responses[0]
    expected = cert_id_of(made.tsa.certificate, made.root.certificate, hash_oid)
    assert single.cert_id.der == expected.der
    assert (single.status, single.this_update, basic.produced_at) == (GOOD, NOW, NOW)
    assert single.next_update.posix_us - NOW.posix_us == LIFETIME_S * 1_000_000


@pytest.mark.parametrize("status", [GOOD, UNKNOWN, REVOKED, attrs.evolve(REVOKED, reason=None)])
def test_the_status_is_told_with_time_and_reason(status):
    octets = desk_of(Book(status)).answer(make_request(TSA, ROOT), NOW)
    assert decode_response(octets).basic.responses[0].status == status


def test_several_certificates_are_answered_in_one_response():
    cert_ids = [cert_id_of(each, ROOT) for each in (TSA, ROOT)]
    basic = decode_response(desk_of(Book()).answer(encode_request(cert_ids), NOW)).basic
    assert [each.cert_id for each in basic.responses] == cert_ids


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("not ours"), ResponseStatus.UNAUTHORIZED),
        (Unavailable("soon"), ResponseStatus.TRY_LATER),
        (Fault("broken"), ResponseStatus.INTERNAL_ERROR),
    ],
)
def test_what_fails_is_told_by_an_error(error, status):
    assert status_of(desk_of(Book(error)).answer(make_request(TSA, ROOT), NOW)) is status


def test_octets_that_are_no_request_are_told_so():
    assert status_of(desk_of(Book()).answer(b"?", NOW)) is ResponseStatus.MALFORMED_REQUEST


def test_a_critical_extension_that_is_not_understood_is_refused():
    odd = extension("1.2.3", der.NULL_VALUE, critical=True)
    asked = der.sequence(der.sequence(cert_id_of(TSA, ROOT).der))
    octets = der.sequence(with_extension(der.sequence(asked), 2, odd))
    assert decode_request(octets).critical
    assert status_of(desk_of(Book()).answer(octets, NOW)) is ResponseStatus.MALFORMED_REQUEST


def test_certificates_of_strangers_are_not_spoken_of():
    other = authority(KeyAlgorithm.P256)
    octets = make_request(other.tsa.certificate, other.root.certificate)
    assert status_of(desk_of(Book()).answer(octets, NOW)) is ResponseStatus.UNAUTHORIZED


def test_two_authorities_are_not_mixed_in_one_response():
    desk = desk_of(Book())
    other = authority(KeyAlgorithm.P256)
    signer = as_responder(responder(KeyAlgorithm.P256))
    desk.serve(Served(other.root.certificate, signer, Book()))
    cert_ids = [cert_id_of(each.tsa.certificate, each.root.certificate) for each in (MADE, other)]
    assert status_of(desk.answer(encode_request(cert_ids), NOW)) is ResponseStatus.UNAUTHORIZED
    for cert_id in cert_ids:
        octets = desk.answer(encode_request([cert_id]), NOW)
        assert status_of(octets) is ResponseStatus.SUCCESSFUL


def test_an_answer_without_nonce_is_given_again_for_half_of_its_life():
    book = Book()
    desk = desk_of(book)
    octets = make_request(TSA, ROOT)
    first = desk.answer(octets, NOW)
    assert desk.answer(octets, HALF) == first
    assert len(book.asked) == 1
    assert desk.answer(octets, Utc(HALF.posix_us + 1)) != first
    assert len(book.asked) == 2


def test_an_answer_with_nonce_is_made_anew():
    book = Book()
    desk = desk_of(book)
    for nonce in (b"1", b"2"):
        octets = desk.answer(make_request(TSA, ROOT, nonce=nonce), NOW)
        assert decode_response(octets).basic.nonce == nonce
    assert len(book.asked) == 2


def test_a_revocation_is_told_at_once():
    book = Book()
    desk = desk_of(book)
    for hash_oid in HASHES:
        desk.answer(make_request(TSA, ROOT, hash_oid=hash_oid), NOW)
    book.status = REVOKED
    desk.forget(TSA.serial_number_tlv)
    for hash_oid in HASHES:
        octets = desk.answer(make_request(TSA, ROOT, hash_oid=hash_oid), NOW)
        assert decode_response(octets).basic.responses[0].status == REVOKED


def test_an_unknown_number_is_asked_after_each_time():
    book = Book(UNKNOWN)
    desk = desk_of(book)
    for _ in range(2):
        desk.answer(make_request(TSA, ROOT), NOW)
    assert len(book.asked) == 2


def test_the_longest_unused_answer_is_dropped_first():
    book = Book()
    desk = desk_of(book)

    def ask(number):
        cert_id = cert_id_of(attrs.evolve(TSA, serial_number_tlv=der.integer(number)), ROOT)
        desk.answer(encode_request([cert_id]), NOW)

    for number in (1, 2, 1, 3):
        ask(number)
    assert len(book.asked) == 3
    ask(1)
    assert len(book.asked) == 3
    ask(2)
    assert len(book.asked) == 4


@pytest.mark.parametrize("days", [-400, 400])
def test_a_responder_that_does_not_hold_signs_nothing(days):
    signer = make_responder(
        MADE.root, validity=Validity(after_stamping(days - 1), after_stamping(days))
    )
    desk = OcspDesk(lifetime_s=LIFETIME_S)
    desk.serve(Served(ROOT, as_responder(signer), Book()))
    octets = desk.answer(make_request(TSA, ROOT), NOW)
    assert status_of(octets) is ResponseStatus.INTERNAL_ERROR


def test_a_new_responder_takes_over():
    desk = desk_of(Book())
    octets = make_request(TSA, ROOT)
    desk.answer(octets, NOW)
    signer = make_responder(MADE.root)
    desk.serve(Served(ROOT, as_responder(signer), Book()))
    assert decode_response(desk.answer(octets, NOW)).basic.certificates == (signer.certificate.der,)


def test_only_an_ocsp_certificate_of_the_authority_itself_will_do():
    desk = OcspDesk(lifetime_s=LIFETIME_S)
    with pytest.raises(Refused, match="purpose"):
        desk.serve(Served(ROOT, as_responder(MADE.tsa), Book()))
    stranger = Served(
        make_root(KeyAlgorithm.P256).certificate, as_responder(responder(KeyAlgorithm.SM2)), Book()
    )
    with pytest.raises(Refused, match="certified by the authority"):
        desk.serve(stranger)


@pytest.mark.parametrize("missing", [oids.OCSP_NOCHECK, oids.KEY_USAGE])
def test_a_responder_says_what_clients_look_for(missing):
    certificate = responder(KeyAlgorithm.SM2).certificate
    check_responder(certificate)
    known = certificate.extensions
    kept = tuple(each for each in known.listed if each.oid != missing)
    usage = None if missing == oids.KEY_USAGE else known.key_usage
    extensions = attrs.evolve(known, listed=kept, key_usage=usage)
    with pytest.raises(Refused):
        check_responder(attrs.evolve(certificate, extensions=extensions))


@pytest.mark.parametrize(
    "changes",
    [
        {"serial_number": b"\0"},
        {"validity": Validity(VALIDITY.not_after, VALIDITY.not_before)},
    ],
    ids=["number", "validity"],
)
def test_no_responder_is_certified_wrongly(changes):
    key = generate(KeyAlgorithm.P256)
    given = {
        "serial_number": b"\x05",
        "validity": VALIDITY,
        "issuer": MADE.root.identity,
        "sign": signing(MADE.root.key),
    }
    spki = spki_of(key.algorithm, key.public)
    assert decode_certificate(issue_responder(encode_name("OCSP"), spki, **given))
    with pytest.raises(Refused):
        issue_responder(encode_name("OCSP"), spki, **given | changes)


def test_an_unknown_hash_names_no_certificate():
    with pytest.raises(Refused):
        cert_id_of(TSA, ROOT, oids.SHA512)


def test_answering_reads_no_clock():
    request = decode_request(make_request(TSA, ROOT))
    times = {"this_update": NOW, "next_update": HALF, "produced_at": HALF}
    octets = answer(request, Book(), as_responder(responder(KeyAlgorithm.SM2)), **times)
    basic = decode_response(octets).basic
    single = basic.responses[0]
    assert (single.this_update, single.next_update, basic.produced_at) == (NOW, HALF, HALF)


@given(st.binary(max_size=300))
def test_whatever_is_asked_there_is_an_answer(octets):
    assert status_of(desk_of(Book()).answer(octets, NOW)) is ResponseStatus.MALFORMED_REQUEST
