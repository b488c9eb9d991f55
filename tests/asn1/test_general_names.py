from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1 import der
from appliance.asn1.extension import general_names
from appliance.asn1.extension.general_names import (
    GeneralName,
    NameConstraints,
    NameKind,
    decode_general_names,
    decode_name_constraints,
)
from appliance.errors import Malformed

LABELS = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,3}", fullmatch=True)
ADDRESSES = st.ip_addresses()
NAMES = st.from_regex(r"[A-Za-z ]{1,20}", fullmatch=True).map(
    lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
)
THEIRS = st.one_of(
    LABELS.map(x509.DNSName),
    LABELS.map(lambda host: x509.RFC822Name(f"li@{host}")),
    LABELS.map(lambda host: x509.UniformResourceIdentifier(f"https://{host}/")),
    NAMES.map(x509.DirectoryName),
    st.just(x509.RegisteredID(x509.ObjectIdentifier("2.999.5"))),
    st.binary(max_size=8).map(
        lambda data: x509.OtherName(x509.ObjectIdentifier("2.999.6"), der.octet_string(data))
    ),
)
KINDS = {
    x509.DNSName: NameKind.DNS,
    x509.RFC822Name: NameKind.EMAIL,
    x509.UniformResourceIdentifier: NameKind.URI,
    x509.IPAddress: NameKind.IP,
    x509.DirectoryName: NameKind.DIRECTORY,
    x509.RegisteredID: NameKind.REGISTERED_ID,
    x509.OtherName: NameKind.OTHER,
}


def content(name):
    if isinstance(name, x509.IPAddress):
        value = name.value
        if hasattr(value, "packed"):
            return value.packed
        return value.network_address.packed + value.netmask.packed
    if isinstance(name, x509.DirectoryName):
        return name.value.public_bytes()
    if isinstance(name, x509.RegisteredID):
        return der.oid(name.value.dotted_string)[2:]
    if isinstance(name, x509.OtherName):
        inner = der.tlv(der.context(0), name.value)
        return der.oid(name.type_id.dotted_string) + inner
    return name.value.encode()


def ours(names):
    return tuple(GeneralName(KINDS[type(name)], content(name)) for name in names)


@given(st.lists(THEIRS | ADDRESSES.map(x509.IPAddress), min_size=1, max_size=5))
def test_names_written_by_a_second_library_are_read(names):
    written = x509.SubjectAlternativeName(names).public_bytes()
    assert decode_general_names(written) == ours(names)


SUBTREES = st.lists(
    THEIRS | ADDRESSES.map(lambda address: x509.IPAddress(ip_network(address))), max_size=4
)


@given(SUBTREES, SUBTREES)
def test_subtrees_written_by_a_second_library_are_read(permitted, excluded):
    if not permitted and not excluded:
        return
    written = x509.NameConstraints(permitted or None, excluded or None).public_bytes()
    assert decode_name_constraints(written) == NameConstraints(ours(permitted), ours(excluded))


DNS = der.tlv(der.context(2, constructed=False), b"a.example")


def subtrees(number, *each):
    return der.tlv(der.context(number), *each)


@pytest.mark.parametrize(
    "data",
    [
        der.sequence(),
        der.sequence(subtrees(0)),
        der.sequence(subtrees(0, DNS)),
        der.sequence(subtrees(1, der.sequence(DNS)), subtrees(0, der.sequence(DNS))),
        der.sequence(
            subtrees(0, der.sequence(DNS, der.tlv(der.context(0, constructed=False), b"\x01")))
        ),
        der.sequence(
            subtrees(0, der.sequence(DNS, der.tlv(der.context(1, constructed=False), b"\x01")))
        ),
        der.sequence(
            subtrees(0, der.sequence(der.tlv(der.context(7, constructed=False), bytes(4))))
        ),
        der.sequence(subtrees(0, *[der.sequence(DNS)] * (general_names.MAX_NAMES + 1))),
    ],
    ids=["empty", "no subtree", "bare", "order", "minimum", "maximum", "no mask", "too many"],
)
def test_constraints_that_rfc_5280_does_not_know_are_malformed(data):
    with pytest.raises(Malformed):
        decode_name_constraints(data)


@pytest.mark.parametrize(
    "names",
    [
        (),
        (der.tlv(der.context(2), b"a.example"),),
        (der.tlv(der.context(9, constructed=False), b"a"),),
        (der.tlv(der.context(2, constructed=False), "é".encode()),),
        (der.tlv(der.context(7, constructed=False), ip_address("192.0.2.1").packed + bytes(4)),),
        (der.tlv(der.context(4), der.sequence(), der.sequence()),),
        (DNS,) * (general_names.MAX_NAMES + 1),
    ],
    ids=["none", "constructed", "unknown", "not ASCII", "mask", "two names", "too many"],
)
def test_names_of_no_known_form_are_malformed(names):
    with pytest.raises(Malformed):
        decode_general_names(der.sequence(*names))


@given(st.binary(max_size=64))
def test_garbage_is_malformed_and_nothing_else(data):
    for decode in (decode_general_names, decode_name_constraints):
        try:
            decode(data)
        except Malformed:
            continue
