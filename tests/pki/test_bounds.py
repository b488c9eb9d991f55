import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority

from appliance.asn1 import der, oids
from appliance.asn1.extension import extensions
from appliance.asn1.extension import writers as extension_writers
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.extension.general_names import GeneralName, NameKind
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Validity, assemble, decode_certificate, encode_tbs
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Refused
from appliance.pki.signing import SIGNATURE_ALGORITHMS
from appliance.pki.templates import bounds
from appliance.pki.templates.custom_extensions import CustomExtension, ExtensionKind
from appliance.pki.templates.template import PERSON, PURPOSES, USAGES, TemplateKind
from appliance.quantities import SECONDS_PER_DAY, US_PER_S, Utc

KINDS = pytest.mark.parametrize("kind", TemplateKind)
CAPS = {
    TemplateKind.PERSON: 1827 * SECONDS_PER_DAY,
    TemplateKind.DEVICE: 367 * SECONDS_PER_DAY,
    TemplateKind.SERVER: 397 * SECONDS_PER_DAY,
    TemplateKind.GRANT: SECONDS_PER_DAY,
}
RESERVED = (
    oids.BASIC_CONSTRAINTS,
    oids.SUBJECT_ALT_NAME,
    "2.5.29.99",
    "2.5.29",
    oids.AUTHORITY_INFO_ACCESS,
    oids.OCSP_NOCHECK,
    "1.3.6.1.5.5.7.1.24",
    "2.16.840.1.113730.1.1",
    "1.3.6.1.4.1.311.21.10",
)
FROM = Utc.parse_generalized_time(b"20260301000000Z")
SIGNS = extensions.key_usage({KeyUsage.DIGITAL_SIGNATURE})
DNS = extension_writers.subject_alt_name([GeneralName(NameKind.DNS, b"a.example")])
HOUR = 3600


def template(**changes):
    return msgspec.structs.replace(PERSON, **changes)


def certificate(*written, length_s=HOUR, subject=None):
    made = authority(KeyAlgorithm.SM2)
    algorithm = SIGNATURE_ALGORITHMS[KeyAlgorithm.SM2]
    tbs = encode_tbs(
        serial_number=5,
        algorithm=algorithm,
        issuer=made.root.identity.name,
        validity=Validity(FROM, Utc(FROM.posix_us + length_s * US_PER_S)),
        subject=subject or encode_name("user"),
        spki=made.tsa.certificate.spki,
        extensions=written,
    )
    return decode_certificate(assemble(tbs, algorithm, b""))


@pytest.mark.parametrize("usage", ["keyCertSign", "cRLSign"])
def test_a_template_never_signs_certificates_or_lists(usage):
    with pytest.raises(Refused):
        bounds.check_template(template(key_usage=("digitalSignature", usage)))


@pytest.mark.parametrize("name", ["timeStamping", "OCSPSigning", "anyExtendedKeyUsage"])
def test_a_template_never_has_the_purposes_of_the_box(name):
    for spelling in (name, PURPOSES[name]):
        with pytest.raises(Refused):
            bounds.check_template(template(extended_key_usage=("clientAuth", spelling)))


@pytest.mark.parametrize("oid", RESERVED)
def test_a_custom_extension_is_never_one_of_the_standards(oid):
    with pytest.raises(Refused):
        bounds.check_template(
            template(extensions=(CustomExtension(oid, ExtensionKind.NULL, optional=True),))
        )


@pytest.mark.parametrize("oid", ["2.5.290.1", "2.5.4.3", "1.3.6.1.5.5.70.1", "1.2.156.99.1"])
def test_any_other_custom_extension_may_stand(oid):
    bounds.check_template(template(extensions=(CustomExtension(oid, ExtensionKind.NULL),)))


@KINDS
def test_a_template_holds_as_long_as_its_kind_may(kind):
    for hours in range(1, 25):
        bounds.check_template(template(kind=kind, validity_days=0, validity_hours=hours))
    days = CAPS[kind] // SECONDS_PER_DAY
    bounds.check_template(template(kind=kind, validity_days=days))
    with pytest.raises(Refused):
        bounds.check_template(template(kind=kind, validity_days=days + 1))


@given(
    st.sampled_from(TemplateKind),
    st.lists(st.sampled_from(sorted(USAGES)), min_size=1, unique=True).map(tuple),
    st.lists(st.sampled_from(sorted(PURPOSES)), unique=True).map(tuple),
    st.integers(1, 7305),
    st.lists(st.sampled_from([*RESERVED, "2.999.1"]), unique=True),
)
def test_a_template_is_refused_exactly_when_it_is_beyond_its_bounds(
    kind, usages, purposes, days, customs
):
    wanted = template(
        kind=kind,
        key_usage=usages,
        extended_key_usage=purposes,
        validity_days=days,
        extensions=tuple(CustomExtension(oid, ExtensionKind.NULL) for oid in customs),
    )
    is_beyond = (
        {"keyCertSign", "cRLSign"} & set(usages)
        or {"timeStamping", "OCSPSigning", "anyExtendedKeyUsage"} & set(purposes)
        or days * SECONDS_PER_DAY > CAPS[kind]
        or set(customs) & set(RESERVED)
    )
    if not is_beyond:
        bounds.check_template(wanted)
        return
    with pytest.raises(Refused):
        bounds.check_template(wanted)


# --- what is about to be signed -------------------------------------------------------------------


@KINDS
def test_a_sound_certificate_may_be_signed(kind):
    written = (SIGNS, extensions.extended_key_usage(oids.CLIENT_AUTH), DNS)
    bounds.check_certificate(certificate(*written, length_s=CAPS[kind]), kind)
    with pytest.raises(Refused):
        bounds.check_certificate(certificate(*written, length_s=CAPS[kind] + 1), kind)


@KINDS
@pytest.mark.parametrize(
    "written",
    [
        (DNS,),
        (SIGNS, DNS, extensions.basic_constraints()),
        (SIGNS, DNS, extensions.extension(oids.BASIC_CONSTRAINTS, der.sequence())),
        (extensions.key_usage({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.KEY_CERT_SIGN}), DNS),
        (extensions.key_usage({KeyUsage.CRL_SIGN}), DNS),
        *(
            (SIGNS, DNS, extensions.extended_key_usage(oids.CLIENT_AUTH, purpose))
            for purpose in (oids.TIME_STAMPING, oids.OCSP_SIGNING, oids.ANY_EXTENDED_KEY_USAGE)
        ),
        *(
            (SIGNS, DNS, extensions.extension(oid, der.NULL_VALUE))
            for oid in (
                oids.OCSP_NOCHECK,
                oids.POLICY_MAPPINGS,
                "2.5.29.99",
                "2.16.840.1.113730.1.1",
            )
        ),
    ],
)
def test_a_certificate_beyond_its_bounds_is_not_signed(kind, written):
    with pytest.raises(Refused):
        bounds.check_certificate(certificate(*written), kind)


def test_a_user_is_never_called_as_the_issuer():
    name = authority(KeyAlgorithm.SM2).root.identity.name
    with pytest.raises(Refused):
        bounds.check_certificate(certificate(SIGNS, subject=name), TemplateKind.PERSON)


def test_a_server_without_an_alternative_name_is_refused():
    with pytest.raises(Refused):
        bounds.check_certificate(certificate(SIGNS), TemplateKind.SERVER)


@pytest.mark.parametrize("name", ["root", "tsa"])
@KINDS
def test_no_certificate_of_the_boxs_own_passes_as_a_users(kind, name):
    own = getattr(authority(KeyAlgorithm.P256), name).certificate
    with pytest.raises(Refused):
        bounds.check_certificate(own, kind)
