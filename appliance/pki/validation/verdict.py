"""What becomes of a certificate that was validated, and what that means to who asked."""

from __future__ import annotations

import enum

import attrs

from appliance.asn1.x509 import Certificate


class Verdict(enum.Enum):
    """What may be made of a code: trust it, do not, or ask again with more in hand."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


class Code(enum.Enum):
    """What was found, one for each thing that can be wrong."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    REVOKED = "revoked"
    ON_HOLD = "on hold"
    UNKNOWN_ISSUER = "unknown issuer"
    TAMPERED = "bad signature"
    CRL_STALE = "what tells of revocation is too old"
    NO_REVOCATION_DATA = "nothing tells of revocation"
    NAME_MISMATCH = "not for this name"
    NAME_CONSTRAINTS = "a name its issuers do not allow"
    PATH_TOO_LONG = "path too long"
    NOT_A_CA = "issuer is not a CA"
    BAD_KEY_USAGE = "key usage does not allow it"
    BAD_EXTENDED_KEY_USAGE = "extended key usage does not allow it"
    POLICY = "no policy that is acceptable"
    MALFORMED_EXTENSION = "ill-formed extension"
    UNSUPPORTED_CRITICAL_EXTENSION = "unsupported critical extension"
    UNSUPPORTED_ALGORITHM = "unsupported algorithm"
    TOO_MANY_CANDIDATES = "too many candidate issuers"

    @property
    def verdict(self) -> Verdict:
        """What this code means.  ETSI EN 319 102-1 5.1 tells INDETERMINATE apart from the rest."""
        if self is Code.VALID:
            return Verdict.VALID
        return Verdict.INDETERMINATE if self in _INDETERMINATE else Verdict.INVALID


_INDETERMINATE = frozenset(
    {
        Code.NOT_YET_VALID,
        Code.ON_HOLD,
        Code.UNKNOWN_ISSUER,
        Code.CRL_STALE,
        Code.NO_REVOCATION_DATA,
        Code.UNSUPPORTED_CRITICAL_EXTENSION,
        Code.UNSUPPORTED_ALGORITHM,
        Code.TOO_MANY_CANDIDATES,
    }
)
"""More certificates, newer lists, another verifier or waiting may change these."""


@attrs.frozen
class Fault:
    """What is wrong, with which certificate, and what there is to say beyond the code."""

    code: Code
    certificate: Certificate
    detail: str = ""


@attrs.frozen
class Validation:
    """A verdict: `chain` from the leaf as far as it went, and the certificate at fault, if any."""

    code: Code
    chain: tuple[Certificate, ...]
    at_fault: Certificate | None = None
    detail: str = ""

    @property
    def verdict(self) -> Verdict:
        """What the code means."""
        return self.code.verdict

    @property
    def is_valid(self) -> bool:
        """Whether the certificate may be trusted for what was asked."""
        return self.code is Code.VALID

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.at_fault is None:
            return f"{self.code.value}."
        more = f" ({self.detail})" if self.detail else ""
        return f"{self.code.value}: {self.at_fault.subject}{more}."
