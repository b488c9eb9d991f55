"""What the verification of a signature found: of the signature, and of the certificate under it."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

from appliance.asn1.x509 import Certificate
from appliance.pki.signatures.forms import Form
from appliance.pki.validation.verdict import Validation, Verdict
from appliance.quantities import Utc

Validate = Callable[[Certificate], Validation]
"""Judges a signer's certificate, with whatever material the caller has at hand."""


class SignatureCode(enum.Enum):
    """What was found of a signature, one for each thing that can be wrong."""

    VALID = "valid"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    NOT_SIGNED = "nobody signed it"
    NO_DOCUMENT = "no document"
    AMBIGUOUS_DOCUMENT = "the document could be the attributes of another"
    NO_SIGNER_CERTIFICATE = "no signer certificate"
    WRONG_CERTIFICATE = "another certificate signed it"
    ALGORITHM_MISMATCH = "algorithm mismatch"
    BAD_ATTRIBUTES = "bad signed attributes"
    DOCUMENT_MISMATCH = "another document was signed"
    BAD_SIGNATURE = "bad signature"
    NON_STANDARD_SM2_ID = "signed under another SM2 ID"

    @property
    def verdict(self) -> Verdict:
        """What it means to who asked."""
        if self is SignatureCode.VALID:
            return Verdict.VALID
        return Verdict.INDETERMINATE if self in _INDETERMINATE else Verdict.INVALID


_INDETERMINATE = frozenset(
    {
        SignatureCode.UNSUPPORTED,
        SignatureCode.NO_DOCUMENT,
        SignatureCode.AMBIGUOUS_DOCUMENT,
        SignatureCode.NO_SIGNER_CERTIFICATE,
    }
)
_GRAVITY = (Verdict.VALID, Verdict.INDETERMINATE, Verdict.INVALID)


@attrs.frozen(kw_only=True)
class SignerReport:
    """One signer's: `validation` is that of its certificate, None as long as nobody judged it.

    `algorithm` and `digest_algorithm` are OIDs as they were used, empty when it did not come to
    that.  `signing_time` is what the signer says, which proves nothing.
    """

    code: SignatureCode
    detail: str = ""
    certificate: Certificate | None = None
    algorithm: str = ""
    digest_algorithm: str = ""
    signing_time: Utc | None = None
    validation: Validation | None = None

    @property
    def verdict(self) -> Verdict:
        """What signature and certificate come to together."""
        if self.code is not SignatureCode.VALID or self.validation is None:
            return self.code.verdict
        return self.validation.verdict

    @property
    def reason(self) -> str:
        """One word for a program, of the signature or `CERTIFICATE_...`."""
        if self.verdict is Verdict.VALID or self.code is not SignatureCode.VALID:
            return self.code.name
        assert self.validation is not None
        return f"CERTIFICATE_{self.validation.code.name}"

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.code is SignatureCode.VALID and self.validation is not None:
            return f"The signature holds; its certificate: {self.validation}"
        return f"{self.code.value}: {self.detail}." if self.detail else f"{self.code.value}."


@attrs.frozen(kw_only=True)
class SignatureReport:
    """All signers of one signature; `document` is what SignedData had inside, if it did.

    `certificates` and `crls` are what came along in it, in DER.
    """

    form: Form
    signers: tuple[SignerReport, ...]
    document: bytes | None = attrs.field(default=None, repr=False)
    certificates: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    crls: tuple[bytes, ...] = attrs.field(default=(), repr=False)

    @property
    def decisive(self) -> SignerReport:
        """The first of the worst: every signer must hold."""
        return max(self.signers, key=lambda signer: _GRAVITY.index(signer.verdict))

    @property
    def verdict(self) -> Verdict:
        """VALID when every signer's is."""
        return self.decisive.verdict

    def judged(self, validate: Validate) -> SignatureReport:
        """Judge the certificates under those signatures that hold."""
        return attrs.evolve(self, signers=tuple(_judged(each, validate) for each in self.signers))


def failed(form: Form, code: SignatureCode, detail: str) -> SignatureReport:
    """Give the report of what could not even be taken apart."""
    return SignatureReport(form=form, signers=(SignerReport(code=code, detail=detail),))


def _judged(signer: SignerReport, validate: Validate) -> SignerReport:
    if signer.code is not SignatureCode.VALID or signer.certificate is None:
        return signer
    return attrs.evolve(signer, validation=validate(signer.certificate))
