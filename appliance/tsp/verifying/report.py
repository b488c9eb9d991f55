"""What the verification of a token found, for people and for programs."""

from __future__ import annotations

import enum
import functools

import msgspec

from appliance.asn1.tsp import TSTInfo
from appliance.asn1.x509 import Certificate
from appliance.pki.revocation import RevocationStatus


class Verdict(enum.Enum):
    """Whether a token may be relied upon."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"  # what was checked holds, but something needed is missing


class Reason(enum.Enum):
    """Why the verdict is what it is; each stands under one verdict."""

    GENUINE = "genuine"
    NO_SIGNER_CERTIFICATE = "no signer certificate"
    UNSUPPORTED = "unsupported"
    NO_TRUST_ANCHOR = "no trust anchor"
    MALFORMED = "malformed"
    REJECTION = "rejection"
    NOT_A_TIMESTAMP = "not a timestamp"
    CONTENT_MISMATCH = "content mismatch"
    SIGNER_MISMATCH = "signer mismatch"
    UNFIT_CERTIFICATE = "unfit certificate"
    ALGORITHM_MISMATCH = "algorithm mismatch"
    BAD_SIGNATURE = "bad signature"
    NON_STANDARD_SM2_ID = "non-standard SM2 ID"
    IMPRINT_MISMATCH = "imprint mismatch"
    NONCE_MISMATCH = "nonce mismatch"
    POLICY_MISMATCH = "policy mismatch"
    BAD_PATH = "bad path"
    REVOKED = "revoked"
    ON_HOLD = "on hold"
    NO_CRL = "no CRL"
    STALE_CRL = "stale CRL"
    CRL_OUT_OF_SCOPE = "CRL out of scope"
    BAD_CRL = "bad CRL"

    @property
    def verdict(self) -> Verdict:
        """The verdict it leads to."""
        if self is Reason.GENUINE:
            return Verdict.VALID
        return Verdict.INDETERMINATE if self in _OPEN else Verdict.INVALID


_OPEN = frozenset(
    {
        Reason.NO_SIGNER_CERTIFICATE,
        Reason.UNSUPPORTED,
        Reason.NO_TRUST_ANCHOR,
        Reason.ON_HOLD,
        Reason.NO_CRL,
        Reason.STALE_CRL,
        Reason.CRL_OUT_OF_SCOPE,
        Reason.BAD_CRL,
    }
)


class Sm2Id(enum.Enum):
    """The user ID under which an SM2 signature verified.  GB/T 32918.2 5.5, GM/T 0009 clause 10."""

    STANDARD = "1234567812345678"
    EMPTY = "empty"
    NO_Z = "none: the digest leaves Z out"


class Deviation(enum.Enum):
    """What a token writes otherwise than RFC 3161 with SM2-with-SM3 would, and may."""

    GMT0010_CONTENT_TYPE = "GM/T 0010 content type"
    SM2_1_AS_SIGNATURE = "signature algorithm written as SM2-1 of GM/T 0010"
    CURVE_AS_SIGNATURE = "signature algorithm written as the SM2 curve"
    KEY_TYPE_AS_SIGNATURE = "signature algorithm written as ecPublicKey"


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A reason, and a sentence for a person."""

    reason: Reason
    detail: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a token.

    `tst_info` and `signer` are there as soon as they could be read, whatever the verdict: only
    VALID makes them true.  `chain` runs from the signer towards a root, and is empty when no path
    was tried.  `revocation` has what the lists given say of the chain, as far as they were asked.
    """

    finding: Finding
    tst_info: TSTInfo | None = None
    has_certificates: bool = False
    algorithm: str | None = None
    signer: Certificate | None = None
    chain: tuple[Certificate, ...] = ()
    sm2_id: Sm2Id | None = None
    deviations: tuple[Deviation, ...] = ()
    revocation: tuple[RevocationStatus, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """VALID, INVALID or INDETERMINATE."""
        return self.finding.reason.verdict

    @property
    def reason(self) -> Reason:
        """The code of the reason."""
        return self.finding.reason

    @property
    def detail(self) -> str:
        """The reason in a sentence."""
        return self.finding.detail

    @property
    def signer_name(self) -> str:
        """The CN of the TSA, or nothing."""
        return self.signer.subject.common_name if self.signer else ""

    @property
    def chain_subjects(self) -> tuple[str, ...]:
        """The names along the chain, the signer first."""
        return tuple(map(_subject, self.chain))


@functools.lru_cache(512)
def _subject(certificate: Certificate) -> str:
    return str(certificate.subject)
