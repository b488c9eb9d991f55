"""The signer's side of virtual time: the page with its veto, the gate, and tokens judged by truth.

Everything is the product's up to the signature, which no property here depends on.
"""

from __future__ import annotations

import functools

import attrs

from appliance.asn1.tsp import PKIFailureInfo
from appliance.crypto.api import KeyAlgorithm
from appliance.quantities import NS_PER_US, Utc
from appliance.timing.keeping.config import Statement
from appliance.timing.page import (
    PAGE_SIZE,
    SLOT_SIZE,
    SLOT_STRIDE,
    VALIDITY_NS,
    PageSlot,
    encode_slot,
)
from appliance.timing.reading import PageClock, PageVeto
from appliance.timing.trusted import MAY_ISSUE, NoTime, TrustedTime
from appliance.tsp.authority import Ask, Authority, Prepared
from appliance.tsp.gate import TimeRules
from appliance.tsp.policy import Policy, Profile, TokenForm
from appliance.tsp.serial import SerialSource
from appliance.tsp.template import Template
from kit.stamping import DIGESTS, make_template, request

LIMIT_NS = 1_000_000
"""The widest accuracy that the policy here grants, the product's default."""

_POLICY = Policy("2.999.1", max_bound_ns=LIMIT_NS)
_PROFILE = Profile("sm2", "sm2", KeyAlgorithm.SM2, TokenForm.CMS, (_POLICY,))
_ASKS = (Ask("sm2", request()),)


@functools.cache
def _template() -> Template:
    return make_template(_PROFILE, _POLICY)


@attrs.frozen
class Truth:
    """An instant as it is: TAI, and UTC on the POSIX scale; `is_leap` within 23:59:60."""

    tai_ns: int
    utc_ns: int
    is_leap: bool = False


class VirtualSigner:
    """Reads the page as the signer does; every answer is judged where it is given.

    `reasons` counts what stood in the way of time and of tokens.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self.refusals = 0
        self.reasons: dict[str, int] = {}
        self.last_gen_time_us = 0
        self._begin(b"")

    def reboot(self, boot_id: bytes) -> None:
        """Start anew in another boot; the ledger's last genTime is what is left."""
        self._begin(boot_id)

    def write(self, statement: Statement) -> None:
        """Write the page as `timed` does."""
        self._sequence += 1
        slot = PageSlot(
            sequence=self._sequence,
            boot_id=self._boot_id,
            valid_until_raw_ns=statement.raw_ns + VALIDITY_NS,
            **attrs.asdict(statement, recurse=False),
        )
        start = (slot.sequence & 1) * SLOT_STRIDE
        self._page[start : start + SLOT_SIZE] = encode_slot(slot)

    def tell(self, raw_ns: int, truth: Truth) -> TrustedTime | NoTime:
        """Read the clock; what may be issued on must hold the truth within its bound."""
        time = self._clock.tell(bytes(self._page), raw_ns, Utc(self.last_gen_time_us))
        if isinstance(time, NoTime):
            self._count(time.reason)
        elif time.state in MAY_ISSUE:
            error_ns = time.tai_ns - truth.tai_ns
            assert abs(error_ns) <= time.bound_ns, (
                f"{time.state.name}: off by {error_ns} ns, bound {time.bound_ns} ns"
            )
        return time

    def stamp(self, raw_ns: int, truth: Truth) -> Prepared | None:
        """Ask for a token; one that is given must be later than the last and true in its claim."""
        (outcome,) = self._authority.prepare(_ASKS, lambda: self.tell(raw_ns, truth))
        if not isinstance(outcome, Prepared):
            assert outcome.failure is PKIFailureInfo.timeNotAvailable, outcome
            self._count(outcome.text)
            self.refusals += 1
            return None
        self.tokens += 1
        assert not truth.is_leap, "a token within a leap second"
        assert outcome.gen_time_us > self.last_gen_time_us, "genTime did not increase"
        error_ns = outcome.gen_time_us * NS_PER_US - truth.utc_ns
        claim_ns = outcome.accuracy_us * NS_PER_US
        assert abs(error_ns) <= claim_ns, f"a token off by {error_ns} ns claims {claim_ns} ns"
        self.last_gen_time_us = outcome.gen_time_us
        return outcome

    def _begin(self, boot_id: bytes) -> None:
        self._boot_id = boot_id
        self._clock = PageClock(boot_id, PageVeto())
        self._page = bytearray(PAGE_SIZE)
        self._sequence = 0
        self._authority = Authority(
            {_PROFILE.name: _PROFILE},
            {(_PROFILE.name, _POLICY.oid): _template()},
            serials=SerialSource(1, b"\xa5" * 8),
            last_gen_time_us=self.last_gen_time_us,
            digests=DIGESTS,
            rules=TimeRules(production=False),
        )

    def _count(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
