"""Answers in JSON's words, from what verification found."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.pki.particulars import describe
from appliance.pki.signatures.report import SignatureReport, SignerReport
from appliance.pki.validation.verdict import Validation, Verdict
from appliance.quantities import Utc
from appliance.services.verification.shapes import (
    CertificateAnswer,
    SignatureAnswer,
    SignerAnswer,
    VerificationAnswer,
)

_GRAVITY = (Verdict.VALID, Verdict.INDETERMINATE, Verdict.INVALID)


def tell_signatures(reports: Sequence[SignatureReport], now: Utc) -> VerificationAnswer:
    """Say what was found of all signatures."""
    worst = max((report.verdict for report in reports), key=_GRAVITY.index)
    return VerificationAnswer(
        verdict=worst.name,
        checked_at=now.isoformat(),
        signatures=tuple(map(_tell_signature, reports)),
    )


def tell_certificate(validation: Validation) -> CertificateAnswer:
    """Say what a certificate is worth."""
    return CertificateAnswer(
        verdict=validation.verdict.name,
        reason=validation.code.name,
        detail=str(validation),
        chain=tuple(str(link.subject) for link in validation.chain),
    )


def _tell_signature(report: SignatureReport) -> SignatureAnswer:
    decisive = report.decisive
    return SignatureAnswer(
        verdict=report.verdict.name,
        reason=decisive.reason,
        detail=str(decisive),
        form=report.form.value,
        has_document=report.document is not None,
        signers=tuple(map(_tell_signer, report.signers)),
    )


def _tell_signer(signer: SignerReport) -> SignerAnswer:
    return SignerAnswer(
        verdict=signer.verdict.name,
        reason=signer.reason,
        detail=str(signer),
        algorithm=signer.algorithm,
        digest_algorithm=signer.digest_algorithm,
        signing_time=None if signer.signing_time is None else signer.signing_time.isoformat(),
        certificate=None if signer.certificate is None else describe(signer.certificate),
        validity=None if signer.validation is None else tell_certificate(signer.validation),
    )
