"""The certificate of a token's signer: which it is, and whether it is one of a TSA.

The same few signers are met again and again: what depends on the certificate alone is remembered.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.signed import ess
from appliance.asn1.signed.cms import Signer
from appliance.asn1.x509 import Certificate
from appliance.quantities import Utc
from appliance.tsp.hashes import digest
from appliance.tsp.verifying.report import Finding, Reason

_REMEMBERED = 512
_TSA_USAGES = frozenset({KeyUsage.DIGITAL_SIGNATURE, KeyUsage.NON_REPUDIATION})


def find_signer(signer: Signer, certificates: Sequence[Certificate]) -> Certificate | Finding:
    """Pick the certificate that SignerInfo names and the signed ESSCertID pins (RFC 5816 2.2.1).

    Raises Malformed for an ESSCertID that is.
    """
    named = [certificate for certificate in certificates if _is_named(signer, certificate)]
    if not named:
        return Finding(
            Reason.NO_SIGNER_CERTIFICATE, "The signer's certificate is neither inside nor supplied."
        )
    # Both versions may be there; either is signed.
    first = signer.values(oids.SIGNING_CERTIFICATE)
    second = signer.values(oids.SIGNING_CERTIFICATE_V2)
    if not first and not second:
        return Finding(Reason.SIGNER_MISMATCH, "The token does not pin its signer's certificate.")
    for certificate in named:
        if _is_pinned(first, second, certificate):
            return certificate
    return Finding(Reason.SIGNER_MISMATCH, "The signer's certificate is not the one it pinned.")


def certificate_fault(certificate: Certificate, gen_time: Utc) -> Finding | None:
    """Check that the certificate is for time-stamping and nothing else.  RFC 3161 2.3."""
    if (fault := _purpose_fault(certificate)) is not None:
        return fault
    period = certificate.extensions.private_key_usage_period
    if period is None:
        return None
    # On the numbers: attrs compares values through tuples, at four times the cost.
    at_us, begins, ends = gen_time.posix_us, period.not_before, period.not_after
    if (begins is not None and at_us < begins.posix_us) or (
        ends is not None and at_us > ends.posix_us
    ):
        return Finding(
            Reason.UNFIT_CERTIFICATE, "genTime lies outside the signer's private key usage period."
        )
    return None


def _is_named(signer: Signer, certificate: Certificate) -> bool:
    if signer.key_identifier is not None:
        return signer.key_identifier == certificate.extensions.subject_key_id
    return (
        signer.serial_number == certificate.serial_number
        and signer.issuer == certificate.issuer.der
    )


@functools.lru_cache(_REMEMBERED)
def _is_pinned(
    first: tuple[bytes, ...], second: tuple[bytes, ...], certificate: Certificate
) -> bool:
    """Tell whether every SigningCertificate and SigningCertificateV2 is for this certificate."""
    pins = [
        *map(ess.read_signing_certificate, first),
        *map(ess.read_signing_certificate_v2, second),
    ]
    return all(_is_pin_of(pin, certificate) for pin in pins)


def _is_pin_of(pin: ess.EssCertId, certificate: Certificate) -> bool:
    if pin.issuer is not None and (
        pin.issuer != certificate.issuer.der or pin.serial_number != certificate.serial_number
    ):
        return False
    if pin.hash_algorithm == oids.SHA1:
        # ESSCertID of RFC 2634 knows no other hash; a second preimage is still out of reach.
        return pin.cert_hash == hashlib.sha1(certificate.der, usedforsecurity=False).digest()
    return pin.cert_hash == digest(pin.hash_algorithm, certificate.der)


@functools.lru_cache(_REMEMBERED)
def _purpose_fault(certificate: Certificate) -> Finding | None:
    purposes = certificate.extensions.find(oids.EXTENDED_KEY_USAGE)
    if (
        purposes is None
        or not purposes.critical
        or certificate.extensions.extended_key_usage != (oids.TIME_STAMPING,)
    ):
        return Finding(
            Reason.UNFIT_CERTIFICATE, "The signer's certificate is not for time-stamping alone."
        )
    usage = certificate.extensions.key_usage
    if usage is not None and not (usage and usage <= _TSA_USAGES):
        return Finding(
            Reason.UNFIT_CERTIFICATE, "The signer's key may be used for more than signing, or less."
        )
    return None
