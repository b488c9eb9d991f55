import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority
from kit.verification import CRL_URL, OCSP_URL, person

from appliance.asn1 import der, oids
from appliance.asn1.extension.access import crl_urls, issuer_urls, ocsp_urls
from appliance.asn1.extension.extensions import Extension, Extensions, extension
from appliance.asn1.extension.general_names import GeneralName, NameKind
from appliance.asn1.extension.writers import (
    authority_info_access,
    certificate_policies,
    subject_alt_name,
)
from appliance.asn1.names import encode_name
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Malformed
from appliance.pki.particulars import ExtensionParticulars, describe

OWN = der.utf8_string("surgeon")


def test_everything_a_certificate_says_is_told():
    certificate = person(
        extensions=[
            subject_alt_name(
                [
                    GeneralName(NameKind.EMAIL, b"d@hospital.example"),
                    GeneralName(NameKind.IP, bytes((192, 0, 2, 1))),
                    GeneralName(NameKind.IP, bytes(15) + b"\x01"),
                    GeneralName(NameKind.DIRECTORY, encode_name("Else")),
                    GeneralName(NameKind.REGISTERED_ID, b"\x2a\x03"),
                ]
            ),
            certificate_policies(["2.999.1"]),
            extension("1.2.156.10260.4.1.1", OWN, critical=True),
        ]
    ).certificate
    told = describe(certificate)
    assert (told.version, told.serial_number) == (3, "4d")
    assert told.subject == "CN=Doctor,O=Hospital,C=CN"
    assert [(part.oid, part.value) for part in told.subject_parts][-1] == (
        oids.COMMON_NAME,
        "Doctor",
    )
    assert told.not_before.startswith("2025-01-01T00:00:00")
    assert told.not_after.startswith("2044-12-31T23:59:59")
    assert (told.key_algorithm, told.key) == ("SM2", certificate.spki)
    assert told.signature_algorithm == oids.SM2_WITH_SM3
    assert told.key_usage == ("digital_signature", "non_repudiation")
    assert told.subject_key_id == certificate.extensions.subject_key_id.hex()
    assert told.alternative_names == (
        "email:d@hospital.example",
        "ip:192.0.2.1",
        "ip:0000:0000:0000:0000:0000:0000:0000:0001",
        "directory:CN=Else",
        "registered_id:#2a03",
    )
    assert told.policies == ("2.999.1",)
    assert (told.crl_urls, told.ocsp_urls, told.issuer_urls) == ((CRL_URL,), (OCSP_URL,), ())
    assert told.extensions[-1] == ExtensionParticulars("1.2.156.10260.4.1.1", "", True, OWN)
    assert told.odd == ()
    assert msgspec.json.decode(msgspec.json.encode(told), type=type(told)) == told


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_authorities_of_every_algorithm_are_told(algorithm):
    made = authority(algorithm)
    root, tsa = describe(made.root.certificate), describe(made.tsa.certificate)
    assert (root.is_ca, tsa.is_ca) == (True, False)
    assert root.key_algorithm == {"sm2": "SM2", "p256": "P-256", "rsa": "RSA"}[algorithm.value]
    assert tsa.extended_key_usage == (oids.TIME_STAMPING,)
    assert tsa.private_key_not_before < tsa.private_key_not_after
    assert tsa.authority_key_id == root.subject_key_id


def test_what_is_ill_formed_inside_is_named_and_left_out():
    broken = [
        extension(oid, b"\x05\x01")
        for oid in (oids.SUBJECT_ALT_NAME, oids.CERTIFICATE_POLICIES, oids.AUTHORITY_INFO_ACCESS)
    ]
    points = extension(oids.CRL_DISTRIBUTION_POINTS, b"\x05\x00")
    told = describe(person(crl=(), ocsp="", extensions=[*broken, points]).certificate)
    assert set(told.odd) == {
        oids.SUBJECT_ALT_NAME,
        oids.CERTIFICATE_POLICIES,
        oids.AUTHORITY_INFO_ACCESS,
        oids.CRL_DISTRIBUTION_POINTS,
    }
    assert told.alternative_names == told.policies == told.crl_urls == told.ocsp_urls == ()


def in_extensions(encoded):
    """Read one written extension back."""
    start, stop = der.whole(encoded, der.SEQUENCE)
    fields = list(der.children(encoded, start, stop))
    oid = der.oid_text(encoded, fields[0][2], fields[0][3])
    return Extensions((Extension(oid, False, encoded[fields[-1][2] : fields[-1][3]]),))


def test_addresses_are_read_as_they_were_written():
    written = authority_info_access(ocsp="http://a/o", issuer_certificate="http://a/i")
    extensions = in_extensions(written)
    assert ocsp_urls(extensions) == ("http://a/o",)
    assert issuer_urls(extensions) == ("http://a/i",)
    assert crl_urls(extensions) == ()


@given(st.binary(max_size=60))
def test_garbage_names_no_address(data):
    for oid, read in (
        (oids.AUTHORITY_INFO_ACCESS, ocsp_urls),
        (oids.CRL_DISTRIBUTION_POINTS, crl_urls),
    ):
        try:
            urls = read(Extensions((Extension(oid, False, data),)))
        except Malformed:
            continue
        assert all(url.encode() in data for url in urls)
