"""One NTP server, asked again and again: what is sent, and what a reply is worth; pure.

The front sends `ask` and hands in what comes.  The origin is a random cookie, so a request tells
nothing of our time and a reply cannot be guessed; it is compared octet by octet.  Each cookie is
good for one reply.  RFC 5905 8 and 9.2, RFC 8633 for the kiss codes.
"""

from __future__ import annotations

import enum

from drivers.api import Garbled, LeapNotice, NtpSample
from drivers.ntp import packet
from drivers.ntp.packet import LeapIndicator, Mode, Packet
from drivers.ntp.responder import SIMULATED_ID

COOKIE_OCTETS = 8
MAX_ROUND_TRIP_NS = 2_000_000_000
MAX_ROOT_DISTANCE_NS = 1_500_000_000
"""MAXDIST of RFC 5905 11.1: a server further from its source is of no use."""

MAX_BACKOFF = 32


class Reason(enum.Enum):
    """Why a reply gives no sample."""

    GARBLED = "not an NTP packet"
    UNASKED = "nothing was asked, or it was answered already"
    ORIGIN = "the origin is not the cookie that was sent"
    MODE = "not a server's mode or version"
    DENIED = "the server denies its service (DENY, RSTR)"
    RATE = "the server asks for a slower rate (RATE)"
    KISS = "a kiss code that says nothing else"
    UNSYNCHRONISED = "the server is not synchronised"
    STRATUM = "a stratum out of range"
    TIMES = "timestamps that are missing or run backwards"
    DISTANCE = "the server is too far from its source"
    LATE = "the reply took too long"


_LEAPS = {
    LeapIndicator.NONE: LeapNotice.NONE,
    LeapIndicator.INSERT: LeapNotice.INSERT,
    LeapIndicator.DELETE: LeapNotice.DELETE,
}


class Exchange:
    """The exchanges with one server.

    `interval_s` grows when the server asks for it; `is_denied` means it is not to be asked again.
    """

    def __init__(self, source: str, *, interval_s: int, is_simulated: bool = False) -> None:
        self.is_denied = False
        self._source = source
        self._interval_s = interval_s
        self._backoff = 1
        self._is_simulated = is_simulated
        self._cookie: bytes | None = None
        self._sent_raw_ns = 0

    @property
    def interval_s(self) -> int:
        """Tell how long to wait before the next request."""
        return self._interval_s * self._backoff

    def ask(self, cookie: bytes, raw_ns: int) -> bytes:
        """Give the request with a cookie of 8 random octets, sent at `raw_ns`."""
        assert len(cookie) == COOKIE_OCTETS
        self._cookie = cookie
        self._sent_raw_ns = raw_ns
        return packet.encode(Packet(mode=Mode.CLIENT, transmit=cookie))

    def take(self, octets: bytes, raw_ns: int) -> NtpSample | Reason:
        """Judge what was received at `raw_ns`."""
        try:
            reply = packet.decode(octets)
        except Garbled:
            return Reason.GARBLED
        if self._cookie is None:
            return Reason.UNASKED
        if reply.origin != self._cookie:
            return Reason.ORIGIN
        if reply.mode is not Mode.SERVER or reply.version not in {3, 4}:
            return Reason.MODE
        self._cookie = None
        if reply.stratum == 0:
            return self._kissed(reply.reference_id)
        return self._judge(reply, raw_ns)

    def _kissed(self, code: bytes) -> Reason:
        """Obey a kiss code; only one that answers our cookie comes here."""
        if code in {b"DENY", b"RSTR"}:
            self.is_denied = True
            return Reason.DENIED
        if code == b"RATE":
            self._backoff = min(2 * self._backoff, MAX_BACKOFF)
            return Reason.RATE
        return Reason.KISS

    def _judge(self, reply: Packet, raw_ns: int) -> NtpSample | Reason:
        if reply.leap is LeapIndicator.UNKNOWN:
            return Reason.UNSYNCHRONISED
        if reply.stratum >= packet.UNSYNCHRONISED_STRATUM:
            return Reason.STRATUM
        times = _times(reply)
        if times is None:
            return Reason.TIMES
        received_ns, sent_ns = times
        round_trip_ns = raw_ns - self._sent_raw_ns
        delay_ns = round_trip_ns - (sent_ns - received_ns)
        if delay_ns < 0:
            return Reason.TIMES
        if round_trip_ns > MAX_ROUND_TRIP_NS:
            return Reason.LATE
        root_delay_ns = packet.short_ns(reply.root_delay)
        root_dispersion_ns = packet.short_ns(reply.root_dispersion)
        if root_delay_ns // 2 + root_dispersion_ns > MAX_ROOT_DISTANCE_NS:
            return Reason.DISTANCE
        return NtpSample(
            source=self._source,
            raw_ns=(self._sent_raw_ns + raw_ns) // 2,
            is_simulated=self._is_simulated or reply.reference_id == SIMULATED_ID,
            utc_ns=(received_ns + sent_ns) // 2,
            delay_ns=delay_ns,
            root_delay_ns=root_delay_ns,
            root_dispersion_ns=root_dispersion_ns,
            stratum=reply.stratum,
            leap=_LEAPS[reply.leap],
        )


def _times(reply: Packet) -> tuple[int, int] | None:
    """Give when the server received and sent, in POSIX ns; None when they make no sense."""
    received_ns = packet.utc_ns(reply.receive)
    sent_ns = packet.utc_ns(reply.transmit)
    reference_ns = packet.utc_ns(reply.reference)
    if received_ns is None or sent_ns is None or sent_ns < received_ns:
        return None
    if reference_ns is not None and reference_ns > sent_ns:
        return None
    return received_ns, sent_ns
