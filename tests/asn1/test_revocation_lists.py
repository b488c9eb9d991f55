import attrs
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority
from kit.crls import List, after_stamping, distribution_point, revoked, uri_name

from appliance.asn1 import der, keys, oids
from appliance.asn1.extension.extensions import extension
from appliance.asn1.status import crl
from appliance.asn1.status.crl import CrlReason, Scope, decode_crl, distribution_point_names
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.quantities import Utc

MADE = authority(KeyAlgorithm.P256)
TSA, ROOT = MADE.tsa.certificate, MADE.root.certificate
REVOKED_AT = after_stamping(-1)
PLAIN = List(issuer=MADE.root)
FULL = List(
    issuer=MADE.root,
    entries=(
        revoked(ROOT, after_stamping(-2), CrlReason.CA_COMPROMISE),
        revoked(TSA, REVOKED_AT, CrlReason.SUPERSEDED),
    ),
    extensions=(distribution_point(1, uri=b"http://a/"),),
)


def test_a_list_tells_when_and_whose_it_is():
    found = decode_crl(FULL.der())
    assert found.issuer == ROOT.subject
    assert (found.this_update, found.next_update) == (after_stamping(1), after_stamping(8))
    assert found.scope == Scope(frozenset({uri_name(b"http://a/")}), only_users=True)
    assert found.critical == {oids.ISSUING_DISTRIBUTION_POINT}
    assert "Root p256" in repr(found)
    assert found == decode_crl(bytes(bytearray(found.der)))


def test_what_a_second_library_reads_in_a_list_is_found_there():
    other = x509.load_der_x509_crl(FULL.der())
    found = decode_crl(FULL.der())
    entries = {entry.serial_number: entry for entry in other}
    for certificate in (ROOT, TSA):
        entry = found.find(certificate.serial_number_tlv)
        oracle = entries[certificate.serial_number]
        assert entry.revocation_date.posix_us == oracle.revocation_date_utc.timestamp() * 1e6
        reason = oracle.extensions.get_extension_for_class(x509.CRLReason).value.reason
        assert entry.reason.name == reason.name.upper()
    assert other.is_signature_valid(x509.load_der_x509_certificate(ROOT.der).public_key())


@pytest.mark.parametrize("made", [PLAIN, FULL])
def test_a_certificate_that_is_not_listed_has_no_entry(made):
    assert decode_crl(made.der()).find(der.integer(0x7777)) is None


def test_octets_of_a_number_elsewhere_in_the_list_are_no_entry():
    note = extension("1.2.3", TSA.serial_number_tlv)
    odd = attrs.evolve(PLAIN, entries=(revoked(ROOT, REVOKED_AT, None, note),))
    assert decode_crl(odd.der()).find(TSA.serial_number_tlv) is None


def test_an_invalidity_date_is_told():
    when = after_stamping(-30)
    since = extension(oids.INVALIDITY_DATE, der.tlv(der.GENERALIZED_TIME, when.generalized_time()))
    odd = attrs.evolve(PLAIN, entries=(revoked(TSA, REVOKED_AT, None, since),))
    entry = decode_crl(odd.der()).find(TSA.serial_number_tlv)
    assert (entry.reason, entry.invalidity_date) == (None, when)


def test_a_list_of_version_1_is_taken():
    odd = attrs.evolve(PLAIN, version=b"", next_update=None, entries=(revoked(TSA, REVOKED_AT),))
    found = decode_crl(odd.der())
    assert found.next_update is None
    assert found.find(TSA.serial_number_tlv).reason is None


def test_critical_extensions_of_entries_count():
    odd = extension("1.2.3", der.NULL_VALUE, critical=True)
    made = attrs.evolve(PLAIN, entries=(revoked(TSA, REVOKED_AT, None, odd),))
    assert decode_crl(made.der()).critical == {"1.2.3"}


@pytest.mark.parametrize("flag", [3, 4, 5])
def test_a_list_for_some_reasons_or_others_certificates_is_partial(flag):
    made = attrs.evolve(PLAIN, extensions=(distribution_point(flag),))
    assert decode_crl(made.der()).scope.is_partial


def test_a_list_under_a_relative_name_is_partial():
    name = der.tlv(der.context(0), der.tlv(der.context(1), der.sequence()))
    point = extension(oids.ISSUING_DISTRIBUTION_POINT, der.sequence(name), critical=True)
    assert decode_crl(attrs.evolve(PLAIN, extensions=(point,)).der()).scope.is_partial


def test_expired_certificates_may_be_kept():
    since = Utc.parse_generalized_time(b"20200101000000Z")
    kept = extension(
        oids.EXPIRED_CERTS_ON_CRL, der.tlv(der.GENERALIZED_TIME, since.generalized_time())
    )
    assert decode_crl(attrs.evolve(PLAIN, extensions=(kept,)).der()).expired_since == since


def test_the_names_of_distribution_points_are_read():
    def point(*uris, tail=b""):
        names = b"".join(map(uri_name, uris))
        return der.sequence(der.tlv(der.context(0), der.tlv(der.context(0), names)), tail)

    reasons = der.tlv(der.context(1, constructed=False), b"\x01\x02")
    value = der.sequence(point(b"a", b"b"), point(b"c"), point(b"d", tail=reasons))
    assert distribution_point_names(value) == {uri_name(uri) for uri in (b"a", b"b", b"c")}
    with pytest.raises(Malformed):
        distribution_point_names(der.sequence(der.NULL_VALUE))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": der.integer(2)},
        {"version": b"", "extensions": (distribution_point(1),)},
        {"algorithm": keys.SM2_WITH_SM3},
        {"extensions": (distribution_point(2, 1),)},
        {"extensions": (distribution_point(6),)},
        {"entries": (der.TRUE,)},
    ],
    ids=["version", "v1 with extensions", "algorithms", "order", "flag", "entries"],
)
def test_an_ill_formed_list_is_refused(changes):
    with pytest.raises(Malformed):
        decode_crl(attrs.evolve(PLAIN, **changes).der())


@pytest.mark.parametrize(
    "entry",
    [
        der.sequence(TSA.serial_number_tlv, der.NULL_VALUE),
        revoked(TSA, REVOKED_AT, None, extension(oids.CRL_REASON, b"\x0a\x01\x07")),
    ],
    ids=["time", "reason"],
)
def test_an_ill_formed_entry_is_refused_when_it_is_asked_for(entry):
    found = decode_crl(attrs.evolve(PLAIN, entries=(entry,)).der())
    with pytest.raises(Malformed):
        found.find(TSA.serial_number_tlv)


def test_a_list_beyond_the_limit_is_refused():
    with pytest.raises(Malformed, match="too long"):
        decode_crl(bytes(crl.MAX_OCTETS + 1))


@given(st.binary(max_size=200))
def test_garbage_raises_only_malformed(data):
    with pytest.raises(Malformed):
        decode_crl(data)


@given(
    st.sampled_from([PLAIN.der(), FULL.der()]),
    st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_a_mutated_list_raises_only_malformed(data, changes):
    mutated = bytearray(data)
    for position, octet in changes:
        mutated[position % len(data)] = octet
    try:
        decode_crl(bytes(mutated)).find(TSA.serial_number_tlv)
    except Malformed:
        return
