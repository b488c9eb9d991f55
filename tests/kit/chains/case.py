"""One case: what is given, what is asked, and what each judge has to say."""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from appliance.asn1.status.crl import decode_crl
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.native_engine import NativeEngine
from appliance.crypto.verifier import verify_signature
from appliance.pki.validation.purposes import Purpose
from appliance.pki.validation.question import Material, Question, RevocationDemand
from appliance.pki.validation.validating import validate
from appliance.pki.validation.verdict import Code, Validation
from appliance.quantities import Utc
from kit.chains.making import AT, Subject

OPENSSL, BOUNCYCASTLE = "openssl", "bouncycastle"

Encoded = Subject | bytes


def encoded(each: Encoded) -> bytes:
    """Give the DER."""
    return each if isinstance(each, bytes) else each.der


def _all_encoded(each: Sequence[Encoded]) -> tuple[bytes, ...]:
    return tuple(encoded(one) for one in each)


@attrs.frozen(kw_only=True)
class Case:
    """A chain and a question.  `expected` is None for a leaf that does not even decode.

    `differs` names the judges whose verdict is the other one, and says by which clause or decision.
    """

    name: str
    leaf: bytes = attrs.field(converter=encoded, repr=False)
    roots: tuple[bytes, ...] = attrs.field(converter=_all_encoded, repr=False)
    expected: Code | None
    intermediates: tuple[bytes, ...] = attrs.field(default=(), converter=_all_encoded, repr=False)
    crls: tuple[bytes, ...] = attrs.field(default=(), repr=False)
    purpose: Purpose = Purpose.ANY
    asked: str | None = None
    policies: frozenset[str] = frozenset()
    demand: RevocationDemand = RevocationDemand.NONE
    at: dt.datetime = AT
    differs: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def but(self, **changes: Any) -> "Case":
        """Give the same case with some things changed."""
        return attrs.evolve(self, **changes)

    def is_accepted_by(self, judge: str) -> bool:
        """Whether this judge is expected to accept."""
        return (self.expected is Code.VALID) != (judge in self.differs)

    @property
    def at_s(self) -> int:
        """The instant asked about, in POSIX seconds."""
        return int(self.at.timestamp())


def judged(case: Case) -> Validation:
    """Give our verdict.  Raises Malformed when the leaf does not decode."""
    at = Utc(case.at_s * 1_000_000)
    material = Material(
        roots=[decode_certificate(each) for each in case.roots],
        intermediates=[decode_certificate(each) for each in case.intermediates],
        crls=[decode_crl(each) for each in case.crls],
    )
    question = Question(
        at=at,
        now=at,
        purpose=case.purpose,
        name=case.asked,
        policies=case.policies,
        revocation=case.demand,
    )
    return validate(decode_certificate(case.leaf), material, question, verify())


@functools.cache
def verify() -> functools.partial:  # type: ignore[type-arg]
    """Give the box's own verifier."""
    return functools.partial(verify_signature, NativeEngine())
