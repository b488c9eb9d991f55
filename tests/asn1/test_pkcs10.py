import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AttributeOID
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.der import decoder
from pyasn1_modules import rfc2986, rfc5280

from appliance.asn1 import der, keys, oids, pkcs10
from appliance.asn1.extension import extensions
from appliance.asn1.extension import writers as extension_writers
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.extension.general_names import (
    GeneralName,
    NameConstraints,
    NameKind,
    decode_general_names,
    decode_name_constraints,
)
from appliance.asn1.extension.policies import decode_certificate_policies
from appliance.asn1.names import encode_attributes, encode_name
from appliance.asn1.x509 import assemble
from appliance.errors import Malformed

SPKI = keys.p256_spki(b"\x04" + bytes(64))
USAGE = extensions.key_usage({KeyUsage.DIGITAL_SIGNATURE})
SUBJECT = encode_name("张三", organization="第一医院", country="CN")


def request(info=None, *, attributes=None, signature=b"sig"):
    if attributes is not None:
        info = der.sequence(der.integer(0), SUBJECT, SPKI, attributes)
    return assemble(
        info or pkcs10.encode_info(SUBJECT, SPKI), keys.ECDSA_WITH_SHA256, der.bit_string(signature)
    )


def attribute(kind, *values):
    return der.sequence(der.oid(kind), der.set_of(values))


def attributes(*written):
    return der.tlv(der.context(0), *written)


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=64),
    st.booleans(),
    st.binary(max_size=80),
)
def test_a_request_written_is_read_back(name, asks, signature):
    subject = encode_name(name)
    info = pkcs10.encode_info(subject, SPKI, [USAGE] if asks else [])
    data = assemble(info, keys.ECDSA_WITH_SHA256, signature)
    read = pkcs10.decode_request(data)
    assert (read.der, read.info, read.spki) == (data, info, SPKI)
    assert read.subject.der == subject
    assert read.signature == signature
    assert read.signature_algorithm.oid == oids.ECDSA_WITH_SHA256
    wanted = {KeyUsage.DIGITAL_SIGNATURE} if asks else None
    assert read.extensions.key_usage == wanted


@pytest.mark.parametrize("asked", [(), (USAGE,)])
def test_a_schema_reads_the_request_whole(asked):
    data = request(pkcs10.encode_info(SUBJECT, SPKI, asked))
    read, rest = decoder.decode(data, asn1Spec=rfc2986.CertificationRequest())
    assert not rest
    info = read["certificationRequestInfo"]
    assert int(info["version"]) == 0
    assert len(info["attributes"]) == len(asked)
    for found in info["attributes"]:
        assert str(found["type"]) == oids.EXTENSION_REQUEST
        wanted, rest = decoder.decode(found["values"][0], asn1Spec=rfc5280.Extensions())
        assert not rest
        assert [str(one["extnID"]) for one in wanted] == [oids.KEY_USAGE]


def test_a_request_of_another_library_is_read():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "zhang")])
    built = (
        x509.CertificateSigningRequestBuilder(name)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
        .add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"changeit")
        .sign(key, hashes.SHA256())
    )
    read = pkcs10.decode_request(built.public_bytes(serialization.Encoding.DER))
    assert read.info == built.tbs_certrequest_bytes
    assert read.signature == built.signature
    assert str(read.subject) == "CN=zhang"
    asked = read.extensions.find(oids.SUBJECT_ALT_NAME)
    assert decode_general_names(asked.value) == (GeneralName(NameKind.DNS, b"a.example"),)


def test_attributes_may_be_left_out():
    assert pkcs10.decode_request(request(attributes=b"")).extensions.listed == ()


def test_requests_are_equal_when_their_octets_are():
    one, same, other = (pkcs10.decode_request(request(signature=s)) for s in (b"1", b"1", b"2"))
    assert one == same != other
    assert len({one, same, other}) == 2
    assert repr(one) == "<CertificationRequest of CN=张三,O=第一医院,C=CN>"


@pytest.mark.parametrize(
    "data",
    [
        request() + b"\0",
        bytes(pkcs10.MAX_OCTETS + 1),
        request(der.sequence(der.integer(1), SUBJECT, SPKI, attributes())),
        request(der.sequence(SUBJECT, SPKI, attributes())),
        request(attributes=der.sequence()),
        request(attributes=attributes() + attributes()),
        request(attributes=attributes(der.integer(1))),
        request(attributes=attributes(attribute("1.2.3"))),
        request(attributes=attributes(*[attribute("1.2.3", der.NULL_VALUE)] * 2)),
        request(attributes=attributes(*(attribute(f"1.2.{n}", der.NULL_VALUE) for n in range(17)))),
        request(attributes=attributes(der.sequence(der.oid("1.2.3"), der.sequence()))),
        request(attributes=attributes(attribute(oids.EXTENSION_REQUEST))),
        request(attributes=attributes(attribute(oids.EXTENSION_REQUEST, der.sequence()))),
        request(
            attributes=attributes(
                attribute(oids.EXTENSION_REQUEST, der.sequence(USAGE), der.sequence(USAGE))
            )
        ),
        request(
            attributes=attributes(attribute(oids.EXTENSION_REQUEST, der.sequence(USAGE, USAGE)))
        ),
    ],
)
def test_what_is_no_request_is_refused(data):
    with pytest.raises(Malformed):
        pkcs10.decode_request(data)


@given(st.binary(max_size=100), st.integers(0, 200), st.binary(min_size=1, max_size=4))
def test_garbage_raises_only_malformed(data, position, octets):
    sound = request(pkcs10.encode_info(SUBJECT, SPKI, [USAGE]))
    altered = sound[:position] + octets + sound[position + len(octets) :]
    for candidate in (data, der.sequence(data), request(attributes=attributes(data)), altered):
        try:
            pkcs10.decode_request(candidate)
        except Malformed:
            continue


# --- writers of extensions ------------------------------------------------------------------------


def theirs(kind, encoded):
    """Have another library read the extensions of a request, and give one."""
    built = x509.load_der_x509_csr(request(pkcs10.encode_info(SUBJECT, SPKI, [encoded])))
    return built.extensions.get_extension_for_class(kind)


def value_of(encoded):
    return (
        extensions.read_extensions(
            der.sequence(encoded),
            0,
            len(encoded) + 2 + (0 if len(encoded) < 128 else 1 if len(encoded) < 256 else 2),
        )
        .listed[0]
        .value
    )


def test_alternative_names_are_read_by_others():
    names = (
        GeneralName(NameKind.DNS, b"a.example"),
        GeneralName(NameKind.IP, bytes((10, 0, 0, 1))),
        GeneralName(NameKind.EMAIL, b"a@b.example"),
        GeneralName(NameKind.URI, b"urn:a"),
        GeneralName(NameKind.DIRECTORY, SUBJECT),
    )
    written = extension_writers.subject_alt_name(names)
    assert decode_general_names(value_of(written)) == names
    read = theirs(x509.SubjectAlternativeName, written)
    assert not read.critical
    assert read.value.get_values_for_type(x509.DNSName) == ["a.example"]
    assert read.value.get_values_for_type(x509.RFC822Name) == ["a@b.example"]
    assert [str(one) for one in read.value.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
    assert theirs(
        x509.SubjectAlternativeName, extension_writers.subject_alt_name(names, critical=True)
    ).critical


def test_policies_are_read_by_others():
    policies = ("1.2.156.99.1", "2.999.16384")
    written = extension_writers.certificate_policies(policies)
    assert decode_certificate_policies(value_of(written)) == policies
    read = theirs(x509.CertificatePolicies, written).value
    assert tuple(one.policy_identifier.dotted_string for one in read) == policies


def test_addresses_are_read_by_others():
    urls = ["http://a.example/1.crl", "http://b.example/1.crl"]
    points = theirs(
        x509.CRLDistributionPoints, extension_writers.crl_distribution_points(urls)
    ).value
    assert [one.full_name[0].value for one in points] == urls
    written = extension_writers.authority_info_access(
        ocsp="http://a.example/ocsp", issuer_certificate="http://a.example/ca.cer"
    )
    found = theirs(x509.AuthorityInformationAccess, written).value
    assert [(one.access_method._name, one.access_location.value) for one in found] == [
        ("OCSP", "http://a.example/ocsp"),
        ("caIssuers", "http://a.example/ca.cer"),
    ]


@pytest.mark.parametrize("url", ["", "no-scheme", "http://时", "http://a b", "http://a\n"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(Malformed):
        extension_writers.crl_distribution_points([url])


@pytest.mark.parametrize(
    "constraints",
    [
        NameConstraints((GeneralName(NameKind.DNS, b"a.example"),), ()),
        NameConstraints((), (GeneralName(NameKind.IP, bytes(8)),)),
        NameConstraints(
            (GeneralName(NameKind.DIRECTORY, encode_attributes([(oids.COUNTRY, "CN")])),),
            (GeneralName(NameKind.EMAIL, b"a@b"),),
        ),
    ],
)
def test_name_constraints_are_read_by_others(constraints):
    written = extension_writers.name_constraints(constraints)
    assert decode_name_constraints(value_of(written)) == constraints
    read = theirs(x509.NameConstraints, written)
    assert read.critical
    assert len(read.value.permitted_subtrees or ()) == len(constraints.permitted)
    assert len(read.value.excluded_subtrees or ()) == len(constraints.excluded)
