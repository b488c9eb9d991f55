import attrs
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import TSA, VALIDITY, Authority, authority, signing

from appliance.asn1 import oids
from appliance.asn1.extensions import BasicConstraints, KeyUsage
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import Validity, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import Verification, verify_signature
from appliance.errors import Refused
from appliance.pki.issuing import issue, key_identifier
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
