"""Certification paths (RFC 5280 clause 6): from a certificate up to a trusted root, at an instant.

Names chain when their DER is equal.  Revocation is not looked at here.
"""

from __future__ import annotations

import enum
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

import attrs

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import KeyUsage
from appliance.asn1.x509 import Certificate, Validity, decode_certificate
from appliance.crypto.verifier import Verification
from appliance.quantities import Utc

MAX_PATH = 8
MAX_STEPS = 64

Verify = Callable[[bytes, str, bytes, bytes], Verification]
"""Judges (SubjectPublicKeyInfo, algorithm OID, message, signature), as `verify_signature` does."""

_UNDERSTOOD = frozenset(
    {
        oids.BASIC_CONSTRAINTS,
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.SUBJECT_KEY_IDENTIFIER,
        oids.AUTHORITY_KEY_IDENTIFIER,
        oids.PRIVATE_KEY_USAGE_PERIOD,
        oids.SUBJECT_ALT_NAME,
        # Any policy is accepted and none asked for: there is nothing to process (RFC 5280 6.1.1).
        oids.CERTIFICATE_POLICIES,
    }
)


class PathCode(enum.Enum):
    """What became of a path."""

    VALID = "valid"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    UNKNOWN_ISSUER = "unknown issuer"
    BAD_SIGNATURE = "bad signature"
    NOT_A_CA = "issuer is not a CA"
    PATH_TOO_LONG = "path too long"
    BAD_KEY_USAGE = "issuer may not sign certificates"
    UNSUPPORTED_CRITICAL_EXTENSION = "unsupported critical extension"
    UNSUPPORTED_ALGORITHM = "unsupported algorithm"
    TOO_MANY_CANDIDATES = "too many candidate issuers"


@attrs.frozen
class PathResult:
    """A verdict: `chain` from the leaf as far as it went, and the certificate at fault, if any."""

    code: PathCode
    chain: tuple[Certificate, ...]
    at_fault: Certificate | None = None

    @property
    def is_valid(self) -> bool:
        """Whether the chain reaches a root and holds."""
        return self.code is PathCode.VALID

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.at_fault is None:
            return f"{self.code.value}."
        return f"{self.code.value}: {self.at_fault.subject}."


def validate_path(
    leaf: Certificate,
    intermediates: Sequence[Certificate],
    roots: Sequence[Certificate],
    at: Utc,
    verify: Verify,
) -> PathResult:
    """Find a path from `leaf` to one of `roots` that holds at `at`, over the intermediates given.

    The path is at most `MAX_PATH` certificates long, and at most `MAX_STEPS` candidates are tried,
    whatever is given.  When none holds, the result is the failure met furthest from the leaf.
    """
    if fault := _own_fault(leaf, at):
        return PathResult(fault, (leaf,), leaf)
    return _Search(intermediates, roots, at, verify).run(leaf)


class PathCache:
    """Roots, and what was learnt under them: certificates decoded once, paths found valid once.

    Failures are not remembered, as they hang on the intermediates that came along.  Both memories
    are bounded; the longest unused is forgotten first.
    """

    def __init__(
        self, roots: Sequence[Certificate], verify: Verify, *, capacity: int = 256
    ) -> None:
        self.roots = tuple(roots)
        self._verify = verify
        self._capacity = capacity
        self._paths: OrderedDict[Certificate, PathResult] = OrderedDict()
        self.certificate = functools.lru_cache(capacity)(decode_certificate)

    def validate(
        self, leaf: Certificate, intermediates: Sequence[Certificate], at: Utc
    ) -> PathResult:
        """Do as `validate_path` does, from memory when a path is known that holds at `at`."""
        known = self._paths.get(leaf)
        if known is not None and all(_covers(link.validity, at) for link in known.chain):
            self._paths.move_to_end(leaf)
            return known
        result = validate_path(leaf, intermediates, self.roots, at, self._verify)
        if result.is_valid:
            self._remember(leaf, result)
        return result

    def _remember(self, leaf: Certificate, result: PathResult) -> None:
        self._paths[leaf] = result
        self._paths.move_to_end(leaf)
        if len(self._paths) > self._capacity:
            self._paths.popitem(last=False)


def _covers(validity: Validity, at: Utc) -> bool:
    # On the numbers: attrs compares values through tuples, at four times the cost.
    return validity.not_before.posix_us <= at.posix_us <= validity.not_after.posix_us


class _Search:
    """One depth-first search with a budget."""

    def __init__(
        self,
        intermediates: Sequence[Certificate],
        roots: Sequence[Certificate],
        at: Utc,
        verify: Verify,
    ) -> None:
        self._intermediates = intermediates
        self._roots = roots
        self._at = at
        self._verify = verify
        self._steps_left = MAX_STEPS

    def run(self, leaf: Certificate) -> PathResult:
        if leaf in self._roots:
            return PathResult(PathCode.VALID, (leaf,))
        return self._extend((leaf,))

    def _extend(self, chain: tuple[Certificate, ...]) -> PathResult:
        furthest = PathResult(PathCode.UNKNOWN_ISSUER, chain, chain[-1])
        for issuer, is_root in self._candidates(chain):
            if self._steps_left == 0:
                return PathResult(PathCode.TOO_MANY_CANDIDATES, chain, chain[-1])
            self._steps_left -= 1
            result = self._try(chain, issuer, is_root=is_root)
            if result.is_valid or result.code is PathCode.TOO_MANY_CANDIDATES:
                return result
            if _weight(result) > _weight(furthest):
                furthest = result
        return furthest

    def _candidates(self, chain: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, bool]]:
        subject = chain[-1]
        for certificates, is_root in ((self._roots, True), (self._intermediates, False)):
            for issuer in certificates:
                if _could_issue(issuer, subject) and issuer not in chain:
                    yield issuer, is_root

    def _try(
        self, chain: tuple[Certificate, ...], issuer: Certificate, *, is_root: bool
    ) -> PathResult:
        if fault := self._issuer_fault(chain, issuer):
            return PathResult(fault, chain, issuer)
        subject = chain[-1]
        verdict = self._verify(
            issuer.spki, subject.signature_algorithm.oid, subject.tbs, subject.signature
        )
        if verdict is not Verification.VALID:
            return PathResult(_SIGNATURE_FAULTS[verdict], chain, subject)
        longer = (*chain, issuer)
        return PathResult(PathCode.VALID, longer) if is_root else self._extend(longer)

    def _issuer_fault(self, chain: tuple[Certificate, ...], issuer: Certificate) -> PathCode | None:
        """Judge an issuer before the costly look at its signature."""
        if fault := _own_fault(issuer, self._at):
            return fault
        constraints = issuer.extensions.basic_constraints
        if constraints is None or not constraints.ca:
            return PathCode.NOT_A_CA
        usage = issuer.extensions.key_usage
        if usage is not None and KeyUsage.KEY_CERT_SIGN not in usage:
            return PathCode.BAD_KEY_USAGE
        # Self-issued certificates do not count (RFC 5280 4.2.1.9), nor does the leaf.
        between = sum(not certificate.is_self_issued for certificate in chain[1:])
        if len(chain) == MAX_PATH or (
            constraints.path_len is not None and between > constraints.path_len
        ):
            return PathCode.PATH_TOO_LONG
        return None


_SIGNATURE_FAULTS = {
    Verification.INVALID: PathCode.BAD_SIGNATURE,
    Verification.UNSUPPORTED: PathCode.UNSUPPORTED_ALGORITHM,
}


def _weight(result: PathResult) -> tuple[int, bool]:
    return len(result.chain), result.code is not PathCode.UNKNOWN_ISSUER


def _own_fault(certificate: Certificate, at: Utc) -> PathCode | None:
    """Judge what a certificate says of itself."""
    if at < certificate.validity.not_before:
        return PathCode.NOT_YET_VALID
    if at > certificate.validity.not_after:
        return PathCode.EXPIRED
    if any(
        extension.critical and extension.oid not in _UNDERSTOOD
        for extension in certificate.extensions.listed
    ):
        return PathCode.UNSUPPORTED_CRITICAL_EXTENSION
    return None


def _could_issue(issuer: Certificate, subject: Certificate) -> bool:
    """Match the names, and the key identifiers when both are there (RFC 5280 4.2.1.1)."""
    if issuer.subject.der != subject.issuer.der:
        return False
    named = subject.extensions.authority_key_id
    held = issuer.extensions.subject_key_id
    return named is None or held is None or named == held
