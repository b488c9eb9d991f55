"""The certificate of a delegated OCSP responder (RFC 6960 4.2.2.2): what it contains, and no more.

No user template can ask for it; the signer makes one for each of its authorities.
"""

from __future__ import annotations

from appliance.asn1 import der, oids
from appliance.asn1.extension import extensions
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.status.ocsp_writing import ocsp_nocheck
from appliance.asn1.x509 import Validity, assemble, encode_tbs
from appliance.errors import Refused
from appliance.pki.issuing import IssuerIdentity, Sign, key_identifier
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content


def issue_responder(
    subject: bytes,
    spki: bytes,
    *,
    serial_number: bytes,
    validity: Validity,
    issuer: IssuerIdentity,
    sign: Sign,
) -> bytes:
    """Make a responder's certificate in DER: digitalSignature, OCSPSigning, id-pkix-ocsp-nocheck.

    It cannot be revoked in the eyes of clients, so that its validity should be short.  Raises
    Refused for an empty validity or a serial number past RFC 5280 4.1.2.2.
    """
    number = int.from_bytes(serial_number, "big")
    if not 0 < number < 1 << 159:
        raise Refused("a serial number is positive and at most 159 bits long")
    if validity.not_after <= validity.not_before:
        raise Refused("a certificate ends after it begins")
    algorithm = SIGNATURE_ALGORITHMS[issuer.algorithm]
    tbs = encode_tbs(
        serial_number=number,
        algorithm=algorithm,
        issuer=issuer.name,
        validity=validity,
        subject=subject,
        spki=spki,
        extensions=(
            extensions.key_usage((KeyUsage.DIGITAL_SIGNATURE,)),
            _purpose(),
            ocsp_nocheck(),
            extensions.subject_key_id(key_identifier(spki)),
            extensions.authority_key_id(issuer.key_id),
        ),
    )
    return assemble(tbs, algorithm, signature_content(issuer.algorithm, sign(tbs)))


def _purpose() -> bytes:
    """Render extKeyUsage, not critical, as responders have it."""
    value = der.sequence(der.oid(oids.OCSP_SIGNING))
    return extensions.extension(oids.EXTENDED_KEY_USAGE, value)
