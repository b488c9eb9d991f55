"""Revocation lists to be asked: a recipe with a knob for each thing that can be odd in one."""

import attrs

from appliance.asn1 import der, keys, oids, sm2
from appliance.asn1.extension.extensions import extension
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.quantities import Utc
from kit.authority import STAMPED_AT, Subject, signing

_ALGORITHMS = {
    KeyAlgorithm.SM2: keys.SM2_WITH_SM3,
    KeyAlgorithm.P256: keys.ECDSA_WITH_SHA256,
    KeyAlgorithm.RSA: keys.SHA256_WITH_RSA,
}
DAY_US = 86_400_000_000


def after_stamping(days: int) -> Utc:
    """Give an instant some days after kit.authority.STAMPED_AT, to the second."""
    return Utc(STAMPED_AT.posix_us // 1_000_000 * 1_000_000 + days * DAY_US)


def revoked(
    certificate: Certificate,
    at: Utc,
    reason: CrlReason | None = None,
    *extensions: bytes,
) -> bytes:
    """Render an entry."""
    listed = list(extensions)
    if reason is not None:
        listed.append(extension(oids.CRL_REASON, der.tlv(der.ENUMERATED, bytes([reason.value]))))
    return der.sequence(
        certificate.serial_number_tlv,
        time(at),
        der.sequence(*listed) if listed else b"",
    )


def time(instant: Utc) -> bytes:
    """Render a UTCTime."""
    return der.tlv(der.UTC_TIME, instant.generalized_time()[2:])


def distribution_point(*flags: int, uri: bytes | None = None) -> bytes:
    """Render a critical issuingDistributionPoint with these flags set."""
    name = b""
    if uri is not None:
        name = der.tlv(der.context(0), der.tlv(der.context(0), uri_name(uri)))
    fields = (der.tlv(der.context(flag, constructed=False), b"\xff") for flag in flags)
    return extension(oids.ISSUING_DISTRIBUTION_POINT, der.sequence(name, *fields), critical=True)


def uri_name(uri: bytes) -> bytes:
    """Render a GeneralName of a URI."""
    return der.tlv(der.context(6, constructed=False), uri)


_THIS_UPDATE, _NEXT_UPDATE = after_stamping(1), after_stamping(8)


@attrs.frozen(kw_only=True)
class List:
    """What goes into a list; without entries nothing is revoked."""

    issuer: Subject
    entries: tuple[bytes, ...] = ()
    extensions: tuple[bytes, ...] = ()
    this_update: Utc = _THIS_UPDATE
    next_update: Utc | None = _NEXT_UPDATE
    version: bytes = der.integer(1)
    algorithm: bytes | None = None
    signature: bytes | None = None

    def der(self) -> bytes:
        """Make the list."""
        algorithm = _ALGORITHMS[self.issuer.key.algorithm]
        tbs = der.sequence(
            self.version,
            self.algorithm or algorithm,
            self.issuer.certificate.subject.der,
            time(self.this_update),
            b"" if self.next_update is None else time(self.next_update),
            der.sequence(*self.entries) if self.entries else b"",
            der.tlv(der.context(0), der.sequence(*self.extensions)) if self.extensions else b"",
        )
        signature = self.signature
        if signature is None:
            signature = signing(self.issuer.key)(tbs)
            if self.issuer.key.algorithm is KeyAlgorithm.SM2:
                signature = sm2.signature_to_der(signature)
        return der.sequence(tbs, algorithm, der.bit_string(signature))
