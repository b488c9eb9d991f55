"""Lists that are made, read back by our decoder and by one that is not ours."""

import datetime as dt
import io

import attrs
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import STAMPED_AT, authority, signing
from kit.crls import after_stamping

from appliance.asn1 import der, oids
from appliance.asn1.status.crl import CrlReason, decode_crl
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.streaming import MessageSigner
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Malformed, Refused
from appliance.pki.lists import Edition, Entry, build_crl, write_crl
from appliance.quantities import Utc

SECOND = 1_000_000
NUMBER = STAMPED_AT.posix_us // SECOND << 8 | 1
PLAIN = Edition(number=NUMBER, this_update=after_stamping(0), next_update=after_stamping(7))
ENTRIES = (
    Entry(b"\x01", after_stamping(-3)),
    Entry(b"\x80" + bytes(18), after_stamping(-2), CrlReason.KEY_COMPROMISE, after_stamping(-9)),
    Entry(b"\0\0\x7f", Utc.parse_generalized_time(b"20500101000000Z"), CrlReason.SUPERSEDED),
    Entry(b"\x22", after_stamping(-1), CrlReason.UNSPECIFIED),
    Entry(b"\x23", after_stamping(-1), None, after_stamping(-2)),
)


def built(algorithm=KeyAlgorithm.P256, edition=PLAIN, entries=ENTRIES):
    root = authority(algorithm).root
    return build_crl(root.identity, edition, entries, signing(root.key))


def written(algorithm, edition=PLAIN, entries=ENTRIES):
    root = authority(algorithm).root
    output = io.BytesIO()
    octets = write_crl(
        root.identity,
        edition,
        iter(entries),
        MessageSigner(root.key),
        spool=io.BytesIO(),
        output=output,
    )
    assert octets == len(output.getvalue())
    return output.getvalue()


def number_of(octets):
    return der.integer(int.from_bytes(octets, "big"))


@pytest.mark.parametrize("make", [built, written])
@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_list_is_signed_by_its_issuer(algorithm, make):
    root = authority(algorithm).root.certificate
    found = decode_crl(make(algorithm))
    assert found.issuer == root.subject
    assert found.authority_key_id == root.extensions.subject_key_id
    verdict = verify_signature(
        LibcryptoEngine(), root.spki, found.signature_algorithm.oid, found.tbs, found.signature
    )
    assert verdict is Verification.VALID


@pytest.mark.parametrize("make", [built, written])
def test_every_entry_is_found_with_what_was_said_of_it(make):
    found = decode_crl(make(KeyAlgorithm.P256))
    assert (found.this_update, found.next_update) == (PLAIN.this_update, PLAIN.next_update)
    assert (found.crl_number, found.base_number) == (NUMBER, None)
    for entry in ENTRIES:
        told = found.find(number_of(entry.serial_number))
        assert told.revocation_date == entry.revoked_at
        assert told.invalidity_date == entry.invalid_since
        silent = entry.reason is CrlReason.UNSPECIFIED
        assert told.reason is (None if silent else entry.reason)


def test_a_second_library_reads_the_same():
    root = authority(KeyAlgorithm.P256).root.certificate
    edition = attrs.evolve(PLAIN, distribution_point="http://a/f.crl", freshest="http://a/d.crl")
    other = x509.load_der_x509_crl(built(edition=edition))
    assert other.is_signature_valid(x509.load_der_x509_certificate(root.der).public_key())
    assert len(other) == len(ENTRIES)
    held = other.get_revoked_certificate_by_serial_number(int.from_bytes(b"\x80" + bytes(18)))
    reason = held.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.key_compromise
    since = held.extensions.get_extension_for_class(x509.InvalidityDate).value
    assert since.invalidity_date_utc == dt.datetime.fromtimestamp(
        after_stamping(-9).posix_us / SECOND, dt.UTC
    )
    point = other.extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    assert point.critical
    assert point.value.full_name == [x509.UniformResourceIdentifier("http://a/f.crl")]
    freshest = other.extensions.get_extension_for_class(x509.FreshestCRL)
    assert not freshest.critical
    assert freshest.value[0].full_name == [x509.UniformResourceIdentifier("http://a/d.crl")]


def test_a_delta_names_its_base_and_takes_entries_back():
    edition = attrs.evolve(PLAIN, base_number=NUMBER - 256)
    back = Entry(b"\x05", after_stamping(-1), CrlReason.REMOVE_FROM_CRL)
    octets = built(edition=edition, entries=[back])
    found = decode_crl(octets)
    assert (found.crl_number, found.base_number) == (NUMBER, NUMBER - 256)
    assert found.critical == {oids.DELTA_CRL_INDICATOR}
    assert found.find(der.integer(5)).reason is CrlReason.REMOVE_FROM_CRL
    other = x509.load_der_x509_crl(octets).extensions
    indicator = other.get_extension_for_class(x509.DeltaCRLIndicator)
    assert indicator.critical
    assert indicator.value.crl_number == NUMBER - 256


def test_a_long_list_flows_by_as_it_is_built():
    entries = [Entry(number.to_bytes(16, "big"), after_stamping(-1)) for number in range(1, 5000)]
    flown = decode_crl(written(KeyAlgorithm.P256, entries=entries))
    assert flown.tbs == decode_crl(built(entries=entries)).tbs


@pytest.mark.parametrize("make", [built, written])
def test_a_list_of_nothing_has_no_entries_field(make):
    octets = make(KeyAlgorithm.P256, entries=())
    assert len(x509.load_der_x509_crl(octets)) == 0
    assert decode_crl(octets).find(der.integer(1)) is None


def test_only_the_bound_asked_for_keeps_a_list_out():
    octets = built()
    assert decode_crl(octets, max_octets=len(octets)).crl_number == NUMBER
    with pytest.raises(Malformed, match="too long"):
        decode_crl(octets, max_octets=len(octets) - 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"next_update": PLAIN.this_update},
        {"base_number": NUMBER},
        {"base_number": 1, "freshest": "http://a/"},
    ],
    ids=["no time", "base not older", "delta of a delta"],
)
def test_an_edition_that_contradicts_itself_is_refused(changes):
    with pytest.raises(Refused):
        built(edition=attrs.evolve(PLAIN, **changes))


def test_a_full_list_takes_nothing_back():
    with pytest.raises(Refused, match="delta"):
        built(entries=[Entry(b"\x05", after_stamping(-1), CrlReason.REMOVE_FROM_CRL)])


@pytest.mark.parametrize("octets", [b"", b"\0", bytes([0x80, *bytes(19)]), b"\x01" * 21])
def test_a_serial_number_is_positive_and_fits_20_octets(octets):
    with pytest.raises(Malformed):
        built(entries=[Entry(octets, after_stamping(-1))])


@pytest.mark.parametrize("number", [-1, 1 << 159])
def test_a_list_number_fits_20_octets(number):
    with pytest.raises(Malformed):
        built(edition=attrs.evolve(PLAIN, number=number))


SECONDS = st.integers(0, 4_000_000_000).map(lambda second: Utc(second * SECOND))


@given(
    st.lists(
        st.builds(
            Entry,
            st.integers(1, (1 << 159) - 1).map(lambda number: number.to_bytes(20, "big")),
            SECONDS,
            st.sampled_from([None, *set(CrlReason) - {CrlReason.UNSPECIFIED}]),
            st.none() | SECONDS,
        ),
        max_size=20,
        unique_by=lambda entry: entry.serial_number,
    )
)
def test_what_is_listed_is_read_back(entries):
    edition = attrs.evolve(PLAIN, base_number=1)
    root = authority(KeyAlgorithm.P256).root
    found = decode_crl(build_crl(root.identity, edition, entries, lambda _: b"signature"))
    for entry in entries:
        told = found.find(number_of(entry.serial_number))
        assert (told.revocation_date, told.reason, told.invalidity_date) == (
            entry.revoked_at,
            entry.reason,
            entry.invalid_since,
        )
