"""SignedData made: by one signer or several, around a document or apart from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from appliance.asn1 import oids
from appliance.asn1.signed.cms import attribute, issuer_and_serial_number, signing_certificate_v2
from appliance.asn1.signed.signed_data import encode_signed_data, signed_attributes, signer_info
from appliance.asn1.x509 import Certificate, write_time
from appliance.crypto.api import KeyAlgorithm
from appliance.errors import Fault
from appliance.pki.issuing import Sign
from appliance.pki.signatures.schemes import digest
from appliance.pki.signing import SIGNATURE_ALGORITHMS, signature_content
from appliance.quantities import Utc

_HASHES = {
    KeyAlgorithm.SM2: oids.SM3,
    KeyAlgorithm.P256: oids.SHA256,
    KeyAlgorithm.RSA: oids.SHA256,
}


@attrs.frozen
class Signatory:
    """Who signs: a certificate, the algorithm of its key, and the function that signs with it."""

    certificate: Certificate
    algorithm: KeyAlgorithm
    sign: Sign


@attrs.frozen(kw_only=True)
class Style:
    """How SignedData is written.

    Without `has_attributes` the document itself is signed, and neither time nor certificate is
    pinned.  `is_gmt` has the content types of GM/T 0010.
    """

    is_attached: bool = False
    has_attributes: bool = True
    is_gmt: bool = False


def sign_data(
    document: bytes,
    signatories: Sequence[Signatory],
    *,
    signed_at: Utc | None = None,
    chain: Iterable[Certificate] = (),
    style: Style = Style(),
) -> bytes:
    """Make SignedData over a document, with the signers' certificates and `chain` inside.

    `signed_at`, to the second, becomes signingTime.
    """
    infos = [_signer_info(document, each, signed_at, style) for each in signatories]
    certificates = dict.fromkeys((*(each.certificate for each in signatories), *chain))
    return encode_signed_data(
        document if style.is_attached else None,
        [_HASHES[each.algorithm] for each in signatories],
        [each.der for each in certificates],
        infos,
        is_gmt=style.is_gmt,
    )


def _signer_info(
    document: bytes, signatory: Signatory, signed_at: Utc | None, style: Style
) -> bytes:
    hash_algorithm = _HASHES[signatory.algorithm]
    certificate = signatory.certificate
    issuer, serial_number = certificate.issuer.der, certificate.serial_number_tlv
    attributes = b""
    if style.has_attributes:
        cert_hash = _digest(hash_algorithm, certificate.der)
        pin = signing_certificate_v2(cert_hash, hash_algorithm, issuer, serial_number)
        attributes = signed_attributes(
            oids.GMT0010_DATA if style.is_gmt else oids.DATA,
            _digest(hash_algorithm, document),
            attribute(oids.SIGNING_CERTIFICATE_V2, pin),
            *([] if signed_at is None else [attribute(oids.SIGNING_TIME, write_time(signed_at))]),
        )
    signature = signature_content(signatory.algorithm, signatory.sign(attributes or document))
    return signer_info(
        issuer_and_serial_number(issuer, serial_number),
        hash_algorithm,
        attributes,
        SIGNATURE_ALGORITHMS[signatory.algorithm],
        signature,
    )


def _digest(hash_algorithm: str, data: bytes) -> bytes:
    made = digest(hash_algorithm, data)
    if made is None:
        raise Fault("a signer's hash is not known")
    return made
