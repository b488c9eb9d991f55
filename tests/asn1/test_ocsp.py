"""OCSP octets, held against a library that is not ours."""

import hashlib

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as other
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority
from kit.crls import after_stamping
from kit.ocsp import Answer, responder, with_extension

from appliance.asn1 import der, oids
from appliance.asn1.algorithm import algorithm_identifier
from appliance.asn1.extension.extensions import extension
from appliance.asn1.names import encode_name
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.status.ocsp import (
    MAX_CERT_IDS,
    MAX_REQUEST_OCTETS,
    MAX_RESPONSE_OCTETS,
    CertStatus,
    CertStatusKind,
    ResponseStatus,
    decode_request,
    decode_response,
)
from appliance.asn1.status.ocsp_writing import encode_error, encode_request, make_cert_id
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.pki.ocsp.asking import cert_id_of

MADE = authority(KeyAlgorithm.P256)
TSA, ROOT = MADE.tsa.certificate, MADE.root.certificate
CERT_ID = cert_id_of(TSA, ROOT)
REQUEST = encode_request([CERT_ID], b"nonce")
REVOKED = CertStatus(CertStatusKind.REVOKED, after_stamping(-3), CrlReason.KEY_COMPROMISE)
RESPONSE = Answer(status=REVOKED, nonce=b"nonce").der()
HASHES = {oids.SHA1: hashes.SHA1(), oids.SHA256: hashes.SHA256()}


def loaded(certificate):
    return x509.load_der_x509_certificate(certificate.der)


@pytest.mark.parametrize("hash_oid", HASHES)
def test_a_request_is_what_a_second_library_makes(hash_oid):
    builder = other.OCSPRequestBuilder()
    builder = builder.add_certificate(loaded(TSA), loaded(ROOT), HASHES[hash_oid])
    builder = builder.add_extension(x509.OCSPNonce(b"nonce"), critical=False)
    theirs = builder.build().public_bytes(serialization.Encoding.DER)
    assert theirs == encode_request([cert_id_of(TSA, ROOT, hash_oid)], b"nonce")
    found = decode_request(theirs)
    assert found.cert_ids == (cert_id_of(TSA, ROOT, hash_oid),)
    assert (found.nonce, found.critical) == (b"nonce", frozenset())


def test_an_issuer_may_be_hashed_by_sm3():
    found = decode_request(encode_request([cert_id_of(TSA, ROOT, oids.SM3)])).cert_ids[0]
    assert found.issuer_name_hash == hashlib.new("sm3", ROOT.subject.der).digest()
    assert found.issuer_key_hash == hashlib.new("sm3", ROOT.key.octets).digest()


def test_a_hash_without_parameters_names_the_same_certificate():
    start, _ = der.whole(CERT_ID.der, der.SEQUENCE)
    algorithm = algorithm_identifier(oids.SHA256)
    rest = CERT_ID.der[start + len(algorithm_identifier(oids.SHA256, null=True)) :]
    bare = der.sequence(algorithm, rest)
    found = decode_request(encode_request([attrs.evolve(CERT_ID, der=bare)])).cert_ids[0]
    assert found == CERT_ID
    assert found.der == bare


def test_a_second_library_reads_the_same_in_a_response():
    found = decode_response(RESPONSE).basic
    theirs = other.load_der_ocsp_response(RESPONSE)
    assert theirs.certificate_status is other.OCSPCertStatus.REVOKED
    assert theirs.revocation_time_utc.timestamp() * 1e6 == REVOKED.revoked_at.posix_us
    assert theirs.revocation_reason is x509.ReasonFlags.key_compromise
    assert theirs.this_update_utc.timestamp() * 1e6 == found.responses[0].this_update.posix_us
    assert theirs.next_update_utc.timestamp() * 1e6 == found.responses[0].next_update.posix_us
    assert theirs.produced_at_utc.timestamp() * 1e6 == found.produced_at.posix_us
    assert theirs.responder_name.public_bytes() == found.responder_name.der
    assert theirs.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"nonce"
    assert theirs.tbs_response_bytes == found.tbs
    assert theirs.signature == found.signature
    certificates = [each.public_bytes(serialization.Encoding.DER) for each in theirs.certificates]
    assert tuple(certificates) == found.certificates
    assert found.responses[0].status == REVOKED
    assert found.responses[0].cert_id == CERT_ID


@pytest.mark.parametrize("status", ["GOOD", "UNKNOWN", "REVOKED"])
@pytest.mark.parametrize("by_key", [True, False])
def test_what_a_second_library_answers_is_read(status, by_key):
    signer = responder(KeyAlgorithm.P256)
    with signer.key.export_secret() as secret:
        key = serialization.load_der_private_key(bytes(secret.view), None)
    at = x509.load_der_x509_certificate(TSA.der).not_valid_before_utc
    revoked = status == "REVOKED"
    encoding = other.OCSPResponderEncoding.HASH if by_key else other.OCSPResponderEncoding.NAME
    builder = other.OCSPResponseBuilder().add_response(
        *(loaded(TSA), loaded(ROOT), hashes.SHA1(), other.OCSPCertStatus[status], at, None),
        at if revoked else None,
        x509.ReasonFlags.superseded if revoked else None,
    )
    builder = builder.responder_id(encoding, loaded(signer.certificate))
    theirs = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    basic = decode_response(theirs).basic
    single = basic.responses[0]
    assert single.status.kind is CertStatusKind[status]
    assert single.status.reason is (CrlReason.SUPERSEDED if revoked else None)
    assert single.next_update is None
    assert (basic.responder_key_hash is not None) == by_key
    assert (basic.responder_name is not None) == (not by_key)
    assert basic.certificates == ()


@pytest.mark.parametrize(
    "status", [each for each in ResponseStatus if each is not ResponseStatus.SUCCESSFUL]
)
def test_an_error_is_told_by_its_status(status):
    octets = encode_error(status)
    assert decode_response(octets).status is status
    assert other.load_der_ocsp_response(octets).response_status.name == status.name


def test_a_signed_request_by_a_named_requestor_is_read():
    name = encode_name("Who asks")
    who = der.tlv(der.context(1), der.tlv(der.context(4), name))
    asked = der.sequence(who, der.sequence(der.sequence(CERT_ID.der)))
    signature = der.sequence(
        algorithm_identifier(oids.ECDSA_WITH_SHA256),
        der.bit_string(b"signature"),
        der.tlv(der.context(0), der.sequence(TSA.der)),
    )
    found = decode_request(der.sequence(asked, der.tlv(der.context(0), signature)))
    assert found.cert_ids == (CERT_ID,)


def test_critical_extensions_of_requests_are_told():
    odd = extension("1.2.3", der.NULL_VALUE, critical=True)
    one = with_extension(der.sequence(CERT_ID.der), 0, odd)
    more = extension("1.2.4", der.NULL_VALUE, critical=True)
    asked = der.sequence(with_extension(der.sequence(der.sequence(one)), 2, more))
    assert decode_request(asked).critical == {"1.2.3", "1.2.4"}


def test_as_many_as_the_bound_are_asked_about_and_no_more():
    assert len(decode_request(encode_request([CERT_ID] * MAX_CERT_IDS)).cert_ids) == MAX_CERT_IDS
    with pytest.raises(Malformed, match="too long"):
        decode_request(encode_request([CERT_ID] * (MAX_CERT_IDS + 1)))


def short_hash_id():
    return make_cert_id(oids.SHA256, b"short", b"short", der.integer(1))


def uneven_id():
    return make_cert_id(oids.SHA256, bytes(20), bytes(32), der.integer(1))


@pytest.mark.parametrize(
    "octets",
    [
        encode_request([]),
        bytes(MAX_REQUEST_OCTETS + 1),
        encode_request([short_hash_id()]),
        encode_request([uneven_id()]),
        REQUEST + b"\0",
        der.sequence(der.sequence(der.sequence(der.NULL_VALUE))),
        der.sequence(
            with_extension(
                der.sequence(der.sequence(der.sequence(CERT_ID.der))),
                2,
                extension(oids.OCSP_NONCE, der.octet_string(bytes(33))),
            )
        ),
        der.sequence(
            with_extension(
                der.sequence(der.sequence(der.sequence(CERT_ID.der))),
                2,
                extension(oids.OCSP_NONCE, der.octet_string(b"")),
            )
        ),
    ],
    ids=["none", "long", "hash", "hashes", "trailing", "type", "nonce of 33", "nonce of 0"],
)
def test_an_ill_formed_request_is_refused(octets):
    with pytest.raises(Malformed):
        decode_request(octets)


@pytest.mark.parametrize("nonce", [b"", bytes(33)])
def test_no_nonce_past_the_bounds_is_written(nonce):
    with pytest.raises(Malformed):
        encode_request([CERT_ID], nonce)


def test_responses_are_sequences():
    single = Answer().der()
    start = single.index(CERT_ID.der) - 2
    assert single[start] == der.SEQUENCE
    odd = bytearray(single)
    odd[start] = der.SET
    with pytest.raises(Malformed, match="SingleResponses"):
        decode_response(bytes(odd))


def status_with(rest):
    return der.sequence(der.tlv(der.ENUMERATED, b"\0"), rest)


@pytest.mark.parametrize(
    "octets",
    [
        bytes(MAX_RESPONSE_OCTETS + 1),
        der.sequence(der.tlv(der.ENUMERATED, b"\0")),
        der.sequence(der.tlv(der.ENUMERATED, b"\4")),
        der.sequence(der.tlv(der.ENUMERATED, b"\1"), der.tlv(der.context(0), der.sequence())),
        status_with(der.tlv(der.context(0), der.sequence(der.oid("1.2.3"), der.octet_string(b"")))),
    ],
    ids=["long", "empty success", "status 4", "answer with error", "type"],
)
def test_an_ill_formed_response_is_refused(octets):
    with pytest.raises(Malformed):
        decode_response(octets)


def replaced(old, new):
    """Change octets of the response, which keeps all lengths."""
    assert RESPONSE.count(old) >= 1
    assert len(old) == len(new)
    return RESPONSE.replace(old, new)


KEY_COMPROMISE = b"\xa0\x03\x0a\x01\x01"
NAME = responder(KeyAlgorithm.P256).certificate.subject.der
RESPONDER = der.tlv(der.context(1), NAME)


@pytest.mark.parametrize(
    "octets",
    [
        replaced(KEY_COMPROMISE, b"\xa0\x03\x0a\x01\x07"),
        replaced(RESPONDER, der.tlv(der.context(3), NAME)),
        Answer().der().replace(b"\x80\x00\x18\x0f", b"\x83\x00\x18\x0f"),
        replaced(der.oid(oids.OCSP_BASIC), der.oid("1.3.6.1.5.5.7.48.1.7")),
        replaced(CERT_ID.der, der.tlv(der.SET, CERT_ID.der[2:])),
    ],
    ids=["reason 7", "responder of another kind", "status 3", "type", "no sequence"],
)
def test_a_response_with_an_unknown_choice_is_refused(octets):
    with pytest.raises(Malformed):
        decode_response(octets)


@given(st.binary(max_size=200))
def test_garbage_raises_only_malformed(data):
    with pytest.raises(Malformed):
        decode_request(data)
    with pytest.raises(Malformed):
        decode_response(data)


CHANGES = st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), min_size=1, max_size=3)


@given(st.sampled_from([(decode_request, REQUEST), (decode_response, RESPONSE)]), CHANGES)
def test_a_mutated_message_raises_only_malformed(case, changes):
    decode, data = case
    mutated = bytearray(data)
    for position, octet in changes:
        mutated[position % len(data)] = octet
    try:
        decode(bytes(mutated))
    except Malformed:
        return


@given(
    st.lists(
        st.builds(
            make_cert_id,
            st.just(oids.SM3),
            st.binary(min_size=32, max_size=32),
            st.binary(min_size=32, max_size=32),
            st.integers(1, 1 << 150).map(der.integer),
        ),
        min_size=1,
        max_size=5,
    ),
    st.none() | st.binary(min_size=1, max_size=32),
)
def test_what_is_asked_is_read_back(cert_ids, nonce):
    found = decode_request(encode_request(cert_ids, nonce))
    assert found.cert_ids == tuple(cert_ids)
    assert [each.der for each in found.cert_ids] == [each.der for each in cert_ids]
    assert found.nonce == nonce
