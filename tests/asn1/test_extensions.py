import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der, oids
from appliance.asn1.extension import extensions
from appliance.asn1.extension.extensions import KeyUsage, PrivateKeyUsagePeriod, read_extensions
from appliance.errors import Malformed
from appliance.quantities import Utc


def decode(*written):
    data = der.sequence(*written)
    return read_extensions(data, 0, len(data))


def critical(oid, value):
    return decode(extensions.extension(oid, value, critical=True))


_SECONDS = st.none() | st.integers(0, 4_000_000_000).map(lambda second: Utc(second * 1_000_000))
_NAMES = {
    "digital_signature": KeyUsage.DIGITAL_SIGNATURE,
    "content_commitment": KeyUsage.NON_REPUDIATION,
    "key_encipherment": KeyUsage.KEY_ENCIPHERMENT,
    "data_encipherment": KeyUsage.DATA_ENCIPHERMENT,
    "key_agreement": KeyUsage.KEY_AGREEMENT,
    "key_cert_sign": KeyUsage.KEY_CERT_SIGN,
    "crl_sign": KeyUsage.CRL_SIGN,
    "encipher_only": KeyUsage.ENCIPHER_ONLY,
    "decipher_only": KeyUsage.DECIPHER_ONLY,
}


@given(st.frozensets(st.sampled_from(KeyUsage), min_size=1))
def test_key_usage_written_is_read_back(usages):
    assert decode(extensions.key_usage(usages)).key_usage == usages


@given(st.frozensets(st.sampled_from(sorted(_NAMES)), min_size=1))
def test_key_usage_is_written_as_a_second_implementation_writes_it(names):
    if names & {"encipher_only", "decipher_only"}:
        names |= {"key_agreement"}  # the other one insists
    theirs = x509.KeyUsage(**{name: name in names for name in _NAMES}).public_bytes()
    ours = decode(extensions.key_usage({_NAMES[name] for name in names}))
    assert ours.listed[0].value == theirs


def test_trailing_zero_bits_in_key_usage_are_taken():
    read = critical(oids.KEY_USAGE, der.bit_string(b"\xc0\x00"))
    assert read.key_usage == {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION}


@given(_SECONDS, _SECONDS)
def test_a_private_key_usage_period_written_is_read_back(not_before, not_after):
    period = PrivateKeyUsagePeriod(not_before, not_after)
    written = extensions.private_key_usage_period(period)
    assert decode(written).private_key_usage_period == period


@given(st.none() | st.integers(0, 2**31 - 1))
def test_basic_constraints_written_are_read_back(path_len):
    read = decode(extensions.basic_constraints(path_len))
    assert read.basic_constraints == extensions.BasicConstraints(ca=True, path_len=path_len)
    assert read.listed[0].critical


def test_identifiers_and_purposes_written_are_read_back():
    read = decode(
        extensions.subject_key_id(b"held"),
        extensions.authority_key_id(b"named"),
        extensions.extended_key_usage(oids.TIME_STAMPING),
    )
    assert (read.subject_key_id, read.authority_key_id) == (b"held", b"named")
    assert read.extended_key_usage == (oids.TIME_STAMPING,)
    assert [extension.critical for extension in read.listed] == [False, False, True]


def test_what_is_absent_is_none():
    read = decode(extensions.extension("1.2.3", b"anything"))
    found = read.find("1.2.3")
    assert found is not None
    assert found.value == b"anything"
    assert read.find("1.2.4") is None
    assert read.key_usage is None
    assert read.basic_constraints is None


def test_an_end_entity_may_have_empty_basic_constraints():
    read = critical(oids.BASIC_CONSTRAINTS, der.sequence())
    assert read.basic_constraints == extensions.BasicConstraints(ca=False)


def test_an_authority_key_identifier_may_name_issuer_and_serial_alone():
    issuer = der.tlv(der.context(1), der.tlv(der.context(4), der.sequence()))
    value = der.sequence(issuer, der.tlv(der.context(2, constructed=False), b"\x01"))
    assert critical(oids.AUTHORITY_KEY_IDENTIFIER, value).authority_key_id is None


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        (oids.BASIC_CONSTRAINTS, der.sequence(b"\x01\x01\x00")),
        (oids.BASIC_CONSTRAINTS, der.sequence(der.integer(1))),
        (oids.BASIC_CONSTRAINTS, der.sequence(der.TRUE, der.integer(-1))),
        (oids.BASIC_CONSTRAINTS, der.sequence(der.TRUE, der.integer(1), der.integer(1))),
        (oids.KEY_USAGE, der.bit_string(b"")),
        (oids.KEY_USAGE, der.bit_string(b"\x01", 1)),
        (oids.KEY_USAGE, der.bit_string(b"\x80", 8)),
        (oids.KEY_USAGE, der.bit_string(b"\x01\x00\x00")),
        (oids.KEY_USAGE, der.tlv(der.BIT_STRING)),
        (oids.EXTENDED_KEY_USAGE, der.sequence()),
        (oids.EXTENDED_KEY_USAGE, der.sequence(der.integer(1))),
        (oids.EXTENDED_KEY_USAGE, der.sequence(*[der.oid("1.2.3")] * 33)),
        (oids.SUBJECT_KEY_IDENTIFIER, b"\x04\x01"),
        (oids.AUTHORITY_KEY_IDENTIFIER, der.sequence(der.octet_string(b"x"))),
        (oids.AUTHORITY_KEY_IDENTIFIER, der.sequence(b"\x82\x01\x01", b"\x80\x01\x01")),
        (oids.PRIVATE_KEY_USAGE_PERIOD, der.sequence(der.octet_string(b"x"))),
        (oids.PRIVATE_KEY_USAGE_PERIOD, der.sequence(b"\x80\x0220")),
    ],
)
def test_an_ill_formed_value_is_refused(oid, value):
    with pytest.raises(Malformed):
        critical(oid, value)


@pytest.mark.parametrize(
    "written",
    [
        (),
        (extensions.extension("1.2.3", b""),) * 2,
        (der.integer(1),),
        (der.sequence(der.oid("1.2.3"), b"\x01\x01\x00", der.octet_string(b"")),),
        (der.sequence(der.oid("1.2.3"), der.integer(1)),),
        (der.sequence(der.oid("1.2.3"), der.octet_string(b""), der.NULL_VALUE),),
        tuple(extensions.extension(f"1.2.{arc}", b"") for arc in range(65)),
    ],
    ids=[
        "none",
        "twice",
        "no SEQUENCE",
        "FALSE written",
        "no value",
        "something after",
        "too many",
    ],
)
def test_an_ill_formed_list_is_refused(written):
    with pytest.raises(Malformed):
        decode(*written)


_UNDERSTOOD = (
    oids.BASIC_CONSTRAINTS,
    oids.KEY_USAGE,
    oids.EXTENDED_KEY_USAGE,
    oids.SUBJECT_KEY_IDENTIFIER,
    oids.AUTHORITY_KEY_IDENTIFIER,
    oids.PRIVATE_KEY_USAGE_PERIOD,
)


@given(st.sampled_from(_UNDERSTOOD), st.binary(max_size=40))
def test_garbage_in_a_value_raises_only_malformed(oid, data):
    for value in (data, der.sequence(data), der.bit_string(data)):
        try:
            critical(oid, value)
        except Malformed:
            continue
