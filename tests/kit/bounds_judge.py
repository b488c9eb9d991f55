"""Judging what was issued by a library that is not ours: nothing beyond what users are due."""

import datetime as dt

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import ExtensionOID

LONGEST = dt.timedelta(days=5 * 365 + 2)
_FORBIDDEN_PURPOSES = {Eku.TIME_STAMPING, Eku.OCSP_SIGNING, Eku.ANY_EXTENDED_KEY_USAGE}
_ALLOWED_OF_X509 = {
    ExtensionOID.KEY_USAGE,
    ExtensionOID.EXTENDED_KEY_USAGE,
    ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
    ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
    ExtensionOID.CERTIFICATE_POLICIES,
    ExtensionOID.CRL_DISTRIBUTION_POINTS,
}


def judge(der: bytes) -> x509.Certificate:
    """Assert that a certificate is a user's and no more."""
    certificate = x509.load_der_x509_certificate(der)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= LONGEST
    for extension in certificate.extensions:
        dotted = extension.oid.dotted_string
        if dotted.startswith("2.5.29."):
            assert extension.oid in _ALLOWED_OF_X509, dotted
        value = extension.value
        if isinstance(value, x509.KeyUsage):
            assert not value.key_cert_sign
            assert not value.crl_sign
        if isinstance(value, x509.ExtendedKeyUsage):
            assert _FORBIDDEN_PURPOSES.isdisjoint(value)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert certificate.subject != certificate.issuer
    return certificate
