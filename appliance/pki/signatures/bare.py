"""A bare signature: of a certificate's key, over a document."""

from __future__ import annotations

import attrs

from appliance.asn1.signed.signed_data import are_signed_attributes
from appliance.asn1.x509 import Certificate
from appliance.crypto.api import DEFAULT_ID, Sm2Engine
from appliance.errors import Malformed
from appliance.pki.signatures.forms import Form, recognise, to_der
from appliance.pki.signatures.report import SignatureCode, SignatureReport, SignerReport, failed
from appliance.pki.signatures.schemes import Scheme, key_scheme, verify_octets


@attrs.frozen(kw_only=True)
class Manner:
    """What a bare signature does not say of itself: its form, hash, padding, and SM2 user ID."""

    form: Form = Form.AUTO
    hash_algorithm: str | None = None
    is_pss: bool = False
    sm2_id: bytes = DEFAULT_ID


def verify_bare(
    signature: bytes,
    document: bytes,
    certificate: Certificate,
    engine: Sm2Engine,
    manner: Manner = Manner(),
) -> SignatureReport:
    """Verify a signature that is raw, DER or of a USB key, by the key of `certificate`.

    A document that could be the signed attributes of another is left undecided.  Nothing is raised
    for what a sender may write.
    """
    key = certificate.key
    form = recognise(signature, manner.form, key)
    if are_signed_attributes(document):
        return failed(form, SignatureCode.AMBIGUOUS_DOCUMENT, "sign it inside SignedData")
    scheme = key_scheme(key, manner.hash_algorithm, is_pss=manner.is_pss)
    if not isinstance(scheme, Scheme):
        return failed(form, scheme, "the certificate's key does not sign that way")
    try:
        encoded = to_der(signature, form, key)
    except Malformed as error:
        return failed(form, SignatureCode.MALFORMED, str(error))
    code = verify_octets(engine, key, scheme, document, encoded, sm2_id=manner.sm2_id)
    signer = SignerReport(
        code=code,
        certificate=certificate,
        algorithm=scheme.oid,
        digest_algorithm=scheme.hash_algorithm,
    )
    return SignatureReport(form=form, signers=(signer,))
