"""The judgement of a run's replies, after the clock has stopped.

Every reply must be a granted token for its own query, with a serial number nobody else got and a
genTime between sending and arrival.  Tokens are verified whole, signature and certification path
included, by the verifier that the box itself uses: all of them, or as many as time allows.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from appliance.asn1 import der
from appliance.asn1.signed.cms import decode_token
from appliance.asn1.tsp import (
    PKIFailureInfo,
    PKIStatus,
    TimeStampReq,
    TSTInfo,
    decode_request,
    decode_response,
    decode_tst_info,
)
from appliance.errors import Malformed
from appliance.quantities import NS_PER_US
from appliance.tsp.hashes import digest_imprint
from appliance.tsp.verifying.report import Reason, Verdict
from appliance.tsp.verifying.verification import Expected, Trust, verify_token
from benches.load import Exchange

VERIFY_S = 10.0
VERIFY_AT_LEAST = 2000

GEN_TIME_SLACK_US = 1_000_000
"""How far genTime may stand outside sending and arrival: another machine has another clock."""


@attrs.frozen
class Judgement:
    """What the replies are worth: tokens without fault, rejections, and other faults by name."""

    tokens: int
    rejected: int
    verified: int
    faults: dict[str, int]


def epoch_us() -> int:
    """Give the POSIX time, in microseconds, at which this machine's monotonic clock was zero."""
    return (time.time_ns() - time.perf_counter_ns()) // NS_PER_US


class _FaultyError(Exception):
    """What is wrong with a reply, in a few words that others share."""


class _RejectedError(Exception):
    """The authority refused."""


class Judge:
    """Judges exchanges against their queries; serial numbers are remembered over all runs.

    Without `trust` no signature is verified.  `epoch_us` is the POSIX time, in microseconds, at
    which the monotonic clock of the exchanges stood at zero.
    """

    def __init__(
        self,
        queries: Sequence[bytes],
        body: Callable[[bytes], bytes],
        trust: Trust | None,
        *,
        epoch_us: int,
    ) -> None:
        self._queries = queries
        self._body = body
        self._trust = trust
        self._serials: set[int] = set()
        self._epoch_us = epoch_us

    def judge(self, exchanges: Sequence[Exchange]) -> Judgement:
        """Judge all, in random order so that those verified whole are a fair sample."""
        order = list(exchanges)
        secrets.SystemRandom().shuffle(order)
        faults: Counter[str] = Counter()
        rejected = verified = 0
        deadline = time.monotonic() + VERIFY_S
        for position, exchange in enumerate(order):
            whole = position < VERIFY_AT_LEAST or time.monotonic() < deadline
            try:
                verified += self._check(exchange, self._trust if whole else None)
            except _RejectedError as rejection:
                rejected += 1
                faults[f"rejected: {rejection}"] += 1
            except (_FaultyError, Malformed) as fault:
                faults[str(fault)] += 1
        return Judgement(len(order) - faults.total(), rejected, verified, dict(faults))

    def _check(self, exchange: Exchange, trust: Trust | None) -> bool:
        """Check one exchange; tells whether the token was verified whole."""
        response = decode_response(self._body(exchange.reply))
        if response.status != PKIStatus.GRANTED:
            raise _RejectedError(_failure_name(response.failure))
        request = decode_request(self._queries[exchange.query])
        if trust is None:
            tst_info = decode_tst_info(decode_token(response.token).econtent)
        else:
            tst_info = _verify(response.token, request, trust)
        _require_answer(tst_info, request)
        self._require_order(tst_info, exchange)
        return trust is not None

    def _require_order(self, tst_info: TSTInfo, exchange: Exchange) -> None:
        if tst_info.serial_number in self._serials:
            raise _FaultyError("serial number given twice")
        self._serials.add(tst_info.serial_number)
        sent_us = exchange.sent_ns // NS_PER_US + self._epoch_us
        received_us = exchange.received_ns // NS_PER_US + self._epoch_us
        gen_time_us = tst_info.gen_time.posix_us
        if not sent_us - GEN_TIME_SLACK_US <= gen_time_us <= received_us + GEN_TIME_SLACK_US:
            raise _FaultyError("genTime outside the exchange")


def _require_answer(tst_info: TSTInfo, request: TimeStampReq) -> None:
    if tst_info.nonce_tlv != request.nonce_tlv:
        raise _FaultyError(Reason.NONCE_MISMATCH.value)
    if tst_info.imprint_tlv != request.imprint_tlv:
        raise _FaultyError(Reason.IMPRINT_MISMATCH.value)


def _verify(token: bytes, request: TimeStampReq, trust: Trust) -> TSTInfo:
    """Verify a token as the answer to a request that has a nonce."""
    nonce = request.nonce_tlv
    imprint = digest_imprint(request.hash_algorithm, request.imprint)
    wanted = Expected(imprint, der.integer_value(nonce, 2, len(nonce)))
    report = verify_token(token, wanted, trust)
    if report.verdict is not Verdict.VALID or report.tst_info is None:
        raise _FaultyError(report.reason.value)
    return report.tst_info


def _failure_name(failure: int | None) -> str:
    return next((bit.name for bit in PKIFailureInfo if bit == failure), "no reason given")
