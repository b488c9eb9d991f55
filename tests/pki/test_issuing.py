import attrs
import msgspec
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import TSA, VALIDITY, Authority, authority, signing
from pyasn1.codec.der import decoder, encoder
from pyasn1_modules import rfc5280

from appliance.asn1 import der, oids
from appliance.asn1.extension.extensions import BasicConstraints, KeyUsage
from appliance.asn1.extension.general_names import (
    GeneralName,
    NameConstraints,
    NameKind,
    decode_general_names,
    decode_name_constraints,
)
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Malformed, Refused
from appliance.pki.issuing import (
    Addresses,
    issue,
    issue_from,
    issuing_ca_template,
    key_identifier,
    seal,
    tbs_from,
)
from appliance.pki.templates import bounds
from appliance.pki.templates.custom_extensions import CustomExtension, ExtensionKind
from appliance.pki.templates.template import (
    DEVICE,
    GRANT,
    PERSON,
    SERVER,
    TEMPLATES,
    AlternativeName,
    NameForm,
    SubjectAttribute,
)
from appliance.quantities import US_PER_S, Utc

ALGORITHMS = pytest.mark.parametrize("algorithm", KeyAlgorithm)
P256 = authority(KeyAlgorithm.P256)


def reissued(made: Authority, **changes):
    arguments = {
        "template": TSA,
        "subject": encode_name("again"),
        "spki": made.tsa.certificate.spki,
        "serial_number": b"\x05",
        "validity": VALIDITY,
        "issuer": made.root.identity,
        "sign": signing(made.root.key),
    }
    return decode_certificate(issue(**{**arguments, **changes}))


@ALGORITHMS
def test_what_is_issued_verifies_under_its_issuer(algorithm):
    made = authority(algorithm)
    for subject in (made.root, made.tsa):
        read = subject.certificate
        assert read.issuer.der == made.root.certificate.subject.der
        verdict = verify_signature(
            LibcryptoEngine(),
            made.root.certificate.spki,
            read.signature_algorithm.oid,
            read.tbs,
            read.signature,
        )
        assert verdict is Verification.VALID


@ALGORITHMS
def test_a_root_is_a_ca_that_signs_certificates_and_crls(algorithm):
    root = authority(algorithm).root.certificate.extensions
    assert root.basic_constraints == BasicConstraints(ca=True)
    assert root.key_usage == {KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN}
    assert root.extended_key_usage is None
    assert root.private_key_usage_period is None
    assert {one.oid for one in root.listed if one.critical} == {
        oids.BASIC_CONSTRAINTS,
        oids.KEY_USAGE,
    }


@ALGORITHMS
def test_a_tsa_signs_timestamps_and_nothing_else(algorithm):
    made = authority(algorithm)
    tsa = made.tsa.certificate.extensions
    assert tsa.basic_constraints is None
    assert tsa.key_usage == {KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION}
    assert tsa.extended_key_usage == (oids.TIME_STAMPING,)
    assert {one.oid for one in tsa.listed if one.critical} == {
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
    }
    assert tsa.subject_key_id == key_identifier(made.tsa.certificate.spki)
    assert tsa.authority_key_id == made.root.certificate.extensions.subject_key_id


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_a_second_implementation_verifies_what_is_issued(algorithm):
    made = authority(algorithm)
    root = x509.load_der_x509_certificate(made.root.certificate.der)
    tsa = x509.load_der_x509_certificate(made.tsa.certificate.der)
    root.verify_directly_issued_by(root)
    tsa.verify_directly_issued_by(root)
    purposes = tsa.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert purposes.critical
    assert list(purposes.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    usage = tsa.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.content_commitment
    assert not usage.key_cert_sign


@given(st.integers(0, 40 * 365 * 86_400))
def test_a_private_key_stops_signing_after_its_period_or_with_the_certificate(length_s):
    read = reissued(P256, template=attrs.evolve(TSA, private_key_usage_s=length_s))
    period = read.extensions.private_key_usage_period
    assert period.not_before == VALIDITY.not_before
    wanted = Utc(VALIDITY.not_before.posix_us + length_s * US_PER_S)
    assert period.not_after == min(wanted, VALIDITY.not_after)


@pytest.mark.parametrize("octets", [b"\x7f" + b"\xff" * 19, b"\x01", b"\x00\x01"])
def test_a_serial_number_is_taken_as_it_is_given(octets):
    number = int.from_bytes(octets, "big")
    assert reissued(P256, serial_number=octets).serial_number == number


@pytest.mark.parametrize("octets", [b"", b"\x00", b"\x80" + bytes(19), b"\x01" * 21])
def test_a_serial_number_out_of_its_range_is_refused(octets):
    with pytest.raises(Refused):
        reissued(P256, serial_number=octets)


def test_an_empty_validity_is_refused():
    with pytest.raises(Refused):
        reissued(P256, validity=Validity(VALIDITY.not_before, VALIDITY.not_before))


def test_nothing_is_signed_but_the_tbs_certificate():
    seen = []

    def sign(message):
        seen.append(message)
        return b"signature"

    read = reissued(P256, sign=sign)
    assert seen == [read.tbs]
    assert read.signature == b"signature"


def test_an_issuing_ca_issues_to_users_alone():
    addresses = Addresses(crl="http://a.example/root.crl")
    constraints = NameConstraints((GeneralName(NameKind.DNS, b"a.example"),), ())
    read = reissued(P256, template=issuing_ca_template(addresses, constraints)).extensions
    assert read.basic_constraints == BasicConstraints(ca=True, path_len=0)
    assert read.key_usage == {KeyUsage.KEY_CERT_SIGN, KeyUsage.CRL_SIGN}
    assert decode_name_constraints(read.find(oids.NAME_CONSTRAINTS).value) == constraints
    assert read.find(oids.CRL_DISTRIBUTION_POINTS) is not None
    assert read.find(oids.AUTHORITY_INFO_ACCESS) is None


# --- users' certificates --------------------------------------------------------------------------

FIELDS = {
    "uid": "10023",
    "name": "张三",
    "organization": "第一医院",
    "department": "心内科",
    "email": "zhang.san@hospital.example",
    "device": "D-7",
    "dns": "a.hospital.example *.b.example",
    "ip": "10.0.0.1 2001:db8::1",
}
FROM = Utc.parse_generalized_time(b"20260301000000Z")
ADDRESSES = Addresses("http://a.example/1.crl", "http://a.example/ocsp", "http://a.example/ca.cer")


def lasting(length_s):
    return Validity(FROM, Utc(FROM.posix_us + length_s * US_PER_S))


def arguments(template=PERSON, fields=FIELDS, algorithm=KeyAlgorithm.P256, **changes):
    made = authority(algorithm)
    return {
        "template": template,
        "fields": fields,
        "spki": made.tsa.certificate.spki,
        "serial_number": b"\x05",
        "validity": lasting(template.validity_s),
        "issuer": made.root.identity,
        "addresses": ADDRESSES,
        **changes,
    }


def issued(*positional, **changes):
    asked = arguments(*positional, **changes)
    sign = signing(authority(asked["issuer"].algorithm).root.key)
    return decode_certificate(issue_from(**asked, sign=sign))


@ALGORITHMS
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_each_kind_is_issued_for_each_algorithm(template, algorithm):
    read = issued(template, algorithm=algorithm)
    root = authority(algorithm).root.certificate
    scheme = read.signature_algorithm.oid
    verdict = verify_signature(LibcryptoEngine(), root.spki, scheme, read.tbs, read.signature)
    assert verdict is Verification.VALID
    bounds.check_certificate(read, template.kind)
    assert read.issuer.der == root.subject.der
    assert read.extensions.key_usage == template.usages
    assert read.extensions.extended_key_usage == template.purposes
    assert read.extensions.basic_constraints is None
    assert read.extensions.authority_key_id == root.extensions.subject_key_id
    assert read.extensions.subject_key_id == key_identifier(read.spki)
    critical = {one.oid for one in read.extensions.listed if one.critical}
    assert critical == {oids.KEY_USAGE}


@ALGORITHMS
@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_schema_reads_and_writes_each_kind_the_same(template, algorithm):
    encoded = issued(template, algorithm=algorithm).der
    read, rest = decoder.decode(encoded, asn1Spec=rfc5280.Certificate())
    assert not rest
    assert encoder.encode(read) == encoded
    for extension in read["tbsCertificate"]["extensions"]:
        schema = rfc5280.certificateExtensionsMap[extension["extnID"]]
        value = bytes(extension["extnValue"])
        inner, rest = decoder.decode(value, asn1Spec=schema)
        assert not rest
        assert encoder.encode(inner) == value


@pytest.mark.parametrize(
    ("template", "subject"),
    [
        (PERSON, "UID=10023,CN=张三,OU=心内科,O=第一医院,C=CN"),
        (DEVICE, "serialNumber=D-7,UID=10023,CN=张三,OU=心内科,O=第一医院,C=CN"),
        (SERVER, "CN=张三,OU=心内科,O=第一医院,C=CN"),
        (GRANT, "UID=10023,CN=张三,OU=心内科,O=第一医院,C=CN"),
    ],
)
def test_the_subject_is_filled_from_the_fields(template, subject):
    assert str(issued(template).subject) == subject


def test_an_optional_attribute_is_left_out_without_its_field():
    fields = {key: FIELDS[key] for key in ("uid", "name", "organization")}
    read = issued(PERSON, fields)
    assert str(read.subject) == "UID=10023,CN=张三,O=第一医院,C=CN"
    assert read.extensions.find(oids.SUBJECT_ALT_NAME) is None


def test_a_server_has_every_name_given():
    read = x509.load_der_x509_certificate(issued(SERVER).der)
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.hospital.example", "*.b.example"]
    addresses = names.get_values_for_type(x509.IPAddress)
    assert [str(one) for one in addresses] == ["10.0.0.1", "2001:db8::1"]


def test_the_addresses_given_are_written_and_no_others():
    read = x509.load_der_x509_certificate(issued().der).extensions
    points = read.get_extension_for_class(x509.CRLDistributionPoints).value
    assert points[0].full_name[0].value == ADDRESSES.crl
    access = read.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [one.access_location.value for one in access] == [
        ADDRESSES.ocsp,
        ADDRESSES.issuer_certificate,
    ]
    bare = issued(addresses=Addresses()).extensions
    assert bare.find(oids.CRL_DISTRIBUTION_POINTS) is None
    assert bare.find(oids.AUTHORITY_INFO_ACCESS) is None
    half = issued(addresses=Addresses(issuer_certificate="http://a.example/ca.cer"))
    access = half.extensions.find(oids.AUTHORITY_INFO_ACCESS).value
    assert b"http://a.example/ca.cer" in access


def test_custom_extensions_and_policies_keep_what_the_template_says():
    template = msgspec.structs.replace(
        PERSON,
        policies=("1.2.156.99.1", "2.999.5"),
        extensions=(
            CustomExtension("2.999.1", ExtensionKind.INTEGER, critical=True, value=5),
            CustomExtension("2.999.2", ExtensionKind.UTF8, value="{name}"),
            CustomExtension("2.999.3", ExtensionKind.UTF8, value="{title}", optional=True),
        ),
    )
    read = issued(template)
    number, name = (read.extensions.find(oid) for oid in ("2.999.1", "2.999.2"))
    assert (number.critical, number.value) == (True, der.integer(5))
    assert (name.critical, name.value) == (False, der.utf8_string("张三"))
    assert read.extensions.find("2.999.3") is None
    policies = x509.load_der_x509_certificate(read.der).extensions.get_extension_for_class(
        x509.CertificatePolicies
    )
    written = [one.policy_identifier.dotted_string for one in policies.value]
    assert written == ["1.2.156.99.1", "2.999.5"]


def test_many_are_signed_at_once():
    made = authority(KeyAlgorithm.SM2)
    bodies = [
        tbs_from(**arguments(algorithm=KeyAlgorithm.SM2, serial_number=bytes((number,))))
        for number in (1, 2, 3)
    ]
    signatures = made.root.key.sign_many(bodies)
    for number, (tbs, signature) in enumerate(zip(bodies, signatures, strict=True), 1):
        read = decode_certificate(seal(tbs, made.root.identity, signature))
        assert read.serial_number == number
        assert verify_signature(
            LibcryptoEngine(),
            made.root.certificate.spki,
            read.signature_algorithm.oid,
            read.tbs,
            read.signature,
        )


def never(_message):
    pytest.fail("something was signed")


@pytest.mark.parametrize(
    "changes",
    [
        {"serial_number": bytes(3)},
        {"validity": Validity(FROM, FROM)},
        {"validity": lasting(1828 * 86_400)},
        {"fields": {}},
        {"fields": {**FIELDS, "name": ""}},
        {"template": msgspec.structs.replace(PERSON, algorithms=(KeyAlgorithm.SM2,))},
        {"template": msgspec.structs.replace(PERSON, key_usage=("keyCertSign",))},
        {"template": msgspec.structs.replace(PERSON, extended_key_usage=("timeStamping",))},
        {
            "template": msgspec.structs.replace(
                PERSON, extensions=(CustomExtension("2.5.29.19", ExtensionKind.NULL),)
            )
        },
        {
            "template": msgspec.structs.replace(
                PERSON, subject=(SubjectAttribute("CN", "{absent}", optional=True),)
            )
        },
        {"template": SERVER, "fields": {**FIELDS, "dns": "", "ip": ""}},
        {
            "template": msgspec.structs.replace(
                PERSON,
                subject=(
                    SubjectAttribute("C", "CN"),
                    SubjectAttribute("O", "Shiyin test"),
                    SubjectAttribute("CN", "{name}"),
                ),
            ),
            "fields": {**FIELDS, "name": "Root p256"},
        },
    ],
)
def test_what_is_beyond_the_bounds_is_refused_before_it_is_signed(changes):
    with pytest.raises(Refused):
        issue_from(**arguments(**changes), sign=never)


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": {**FIELDS, "name": "a" * 65}},
        {"fields": {**FIELDS, "name": "a\nb"}},
        {"fields": {**FIELDS, "email": "nobody"}},
        {"addresses": Addresses(ocsp="http://时")},
        {"spki": authority(KeyAlgorithm.P256).tsa.certificate.spki + b"\0"},
        {"template": SERVER, "fields": {**FIELDS, "ip": " ".join(["10.0.0.1"] * 65)}},
    ],
)
def test_what_cannot_be_written_is_malformed(changes):
    with pytest.raises(Malformed):
        issue_from(**arguments(**changes), sign=never)


NAMES = {
    NameForm.DNS: ["a", "A-1.example", "*.a.example", "xn--fiq228c.example", "1.a"],
    NameForm.IP: ["10.0.0.1", "::1", "2001:db8::1"],
    NameForm.EMAIL: ["a@b", "a.b+c@d.example"],
    NameForm.URI: ["urn:a", "https://a.example/?a=b#c"],
}
NO_NAMES = {
    NameForm.DNS: ["-a", "a-", "a..b", ".a", "a.", "*", "a*.b", "a_b", "医", "10.0.0.1", "a" * 64],
    NameForm.IP: ["10.0.0.256", "10.0.0", "fe80::1%eth0", "a", "10.0.0.0/8"],
    NameForm.EMAIL: ["a", "@b", "a@", "a@*.b", "a..b@c", "a.@b", ".a@b", "a@b@c", "医@b"],
    NameForm.URI: ["a", ":a", "1a:b", "http://医", "a:"],
}


def test_a_template_without_purposes_writes_none():
    assert (
        issued(msgspec.structs.replace(PERSON, extended_key_usage=())).extensions.extended_key_usage
        is None
    )


def named(form, text):
    template = msgspec.structs.replace(
        PERSON, subject_alt_names=(AlternativeName(form, "{alternative}"),)
    )
    return issued(template, {**FIELDS, "alternative": text})


@pytest.mark.parametrize(
    ("form", "text"), [(form, text) for form, texts in NAMES.items() for text in texts]
)
def test_an_alternative_name_of_its_form_is_written(form, text):
    names = decode_general_names(named(form, text).extensions.find(oids.SUBJECT_ALT_NAME).value)
    assert [one.kind.name for one in names] == [form.name]


@pytest.mark.parametrize(
    ("form", "text"), [(form, text) for form, texts in NO_NAMES.items() for text in texts]
)
def test_an_alternative_name_not_of_its_form_is_refused(form, text):
    with pytest.raises(Malformed):
        named(form, text)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.text(max_size=80)))
def test_whatever_the_fields_hold_a_certificate_keeps_its_bounds(fields):
    for template in TEMPLATES.values():
        try:
            read = issued(template, {**FIELDS, **fields}, algorithm=KeyAlgorithm.SM2)
        except (Malformed, Refused):
            continue
        bounds.check_certificate(read, template.kind)
        assert str(read.subject).startswith(("UID=", "CN=", "serialNumber="))
