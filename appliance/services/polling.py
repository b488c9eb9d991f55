"""Answers that a client will come back for: the poll table of the TCP transport (RFC 3161 3.3).

It lives in the signer, so that any front can answer a poll; it is bounded, and forgets in time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import attrs

from appliance.asn1.tsp import PKIFailureInfo, encode_rejection
from appliance.services.clients import owner_of
from appliance.services.issuing import Issuer
from appliance.services.messages import PollState, StampAsk
from appliance.services.reactor import Clock

KEPT_S = 600.0
CAPACITY = 16_384
REFERENCE_OCTETS = 4

_FULL = encode_rejection(
    PKIFailureInfo.systemFailure, "overload: too many answers wait to be fetched"
)


@attrs.define(eq=False)
class _Entry:
    """Who may ask, until when, and the answer once it is there."""

    owner: bytes
    expires_at: float
    response: bytes | None = None
    is_delivered: bool = False


class PollTable:
    """References for answers under way; each is given out once, to the address that asked.

    `draw` gives random octets: a reference must not be guessed.
    """

    def __init__(self, clock: Clock, draw: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._draw = draw
        self._entries: OrderedDict[int, _Entry] = OrderedDict()

    def reserve(self, owner: bytes) -> int | None:
        """Give a new reference to the address `owner`; None when the table is full."""
        self._forget()
        if len(self._entries) >= CAPACITY:
            return None
        reference = int.from_bytes(self._draw(REFERENCE_OCTETS), "big")
        while reference in self._entries:
            reference = int.from_bytes(self._draw(REFERENCE_OCTETS), "big")
        self._entries[reference] = _Entry(owner, self._clock.seconds() + KEPT_S)
        return reference

    def fill(self, reference: int, response: bytes) -> None:
        """Keep the answer that belongs to a reference, unless it is forgotten by now."""
        entry = self._entries.get(reference)
        if entry is not None:
            entry.response = response

    def take(self, reference: int, owner: bytes) -> bytes | PollState:
        """Give the answer, once, or say why there is none; a stranger's reference is unknown."""
        self._forget()
        entry = self._entries.get(reference)
        if entry is None or entry.owner != owner:
            return PollState.UNKNOWN
        if entry.is_delivered:
            return PollState.DELIVERED
        if entry.response is None:
            return PollState.WAITING
        response, entry.response, entry.is_delivered = entry.response, None, True
        return response

    def _forget(self) -> None:
        """Drop what is over its time; entries stand in the order of their expiry."""
        now = self._clock.seconds()
        while self._entries:
            reference, entry = next(iter(self._entries.items()))
            if entry.expires_at > now:
                return
            del self._entries[reference]


class PatientIssuer:
    """Issues for clients that can poll: what is late gets a reference, and is kept for them."""

    def __init__(
        self, issuer: Issuer, table: PollTable, *, clock: Clock, patience_s: float
    ) -> None:
        self._issuer = issuer
        self._table = table
        self._clock = clock
        self._patience_s = patience_s

    def submit(
        self, asks: Sequence[StampAsk], done: Callable[[Sequence[bytes | int]], None]
    ) -> None:
        """Answer every ask within the patience: by a TimeStampResp or by a reference."""
        references: list[bytes | int] = []

        def late() -> None:
            for ask in asks:
                reference = self._table.reserve(owner_of(ask.client))
                references.append(_FULL if reference is None else reference)
            done(references)

        def finished(responses: Sequence[bytes]) -> None:
            if not references:
                patience.cancel()
                done(list(responses))
                return
            for reference, response in zip(references, responses, strict=True):
                if isinstance(reference, int):
                    self._table.fill(reference, response)

        patience = self._clock.callLater(self._patience_s, late)
        self._issuer.submit(asks, finished)
