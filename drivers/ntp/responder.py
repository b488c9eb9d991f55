"""The NTP server's reply to one request; pure.  RFC 5905 9.2.

Our error bound is the root dispersion; the reference identifier tells what the time rests on: GNSS,
HLD1 to HLD3 in holdover, SIM.  A reply is 48 octets, never longer than the request; extensions and
authenticators of a request are not answered to.
"""

from __future__ import annotations

import attrs

from drivers.api import Garbled, LeapNotice
from drivers.ntp import packet
from drivers.ntp.packet import HEADER_OCTETS, LeapIndicator, Mode, Packet

VERSIONS = frozenset({3, 4})
SIMULATED_ID = b"SIM\0"

_LEAPS = {
    LeapNotice.NONE: LeapIndicator.NONE,
    LeapNotice.INSERT: LeapIndicator.INSERT,
    LeapNotice.DELETE: LeapIndicator.DELETE,
    LeapNotice.UNKNOWN: LeapIndicator.UNKNOWN,
}


@attrs.frozen(kw_only=True)
class ServedTime:
    """What is served: POSIX ns at the request's arrival and at the reply's leaving, and its worth.

    `reference_utc_ns` is when the clock was last set by its sources; `precision` is log2 of s.
    """

    receive_utc_ns: int
    transmit_utc_ns: int
    reference_utc_ns: int
    bound_ns: int
    stratum: int
    reference_id: bytes
    leap: LeapNotice
    precision: int = -20


def decode_request(octets: bytes) -> Packet | None:
    """Read a request, or None for what is not answered: other modes and versions, short packets."""
    try:
        request = packet.decode(octets[:HEADER_OCTETS])
    except Garbled:
        return None
    if request.mode is not Mode.CLIENT or request.version not in VERSIONS:
        return None
    return request


def respond(octets: bytes, served: ServedTime | None) -> bytes | None:
    """Give the reply to a request; None where there is none.

    Without trusted time, or where its leap is unknown, the reply says so (leap 3, stratum 16).
    """
    request = decode_request(octets)
    if request is None:
        return None
    if served is None or served.leap is LeapNotice.UNKNOWN:
        return packet.encode(_untrusted(request))
    return packet.encode(
        Packet(
            leap=_LEAPS[served.leap],
            version=request.version,
            mode=Mode.SERVER,
            stratum=served.stratum,
            poll=request.poll,
            precision=served.precision,
            root_dispersion=packet.short(served.bound_ns),
            reference_id=served.reference_id,
            reference=packet.timestamp(served.reference_utc_ns),
            origin=request.transmit,
            receive=packet.timestamp(served.receive_utc_ns),
            transmit=packet.timestamp(served.transmit_utc_ns),
        )
    )


def respond_rate(octets: bytes) -> bytes | None:
    """Give the kiss code RATE to a request: ask less often.  RFC 5905 7.4.

    It tells no time: all its timestamps are the client's own.
    """
    request = decode_request(octets)
    if request is None:
        return None
    return packet.encode(attrs.evolve(_untrusted(request), stratum=0, reference_id=b"RATE"))


def _untrusted(request: Packet) -> Packet:
    own = request.transmit
    return Packet(
        leap=LeapIndicator.UNKNOWN,
        version=request.version,
        mode=Mode.SERVER,
        stratum=packet.UNSYNCHRONISED_STRATUM,
        poll=request.poll,
        origin=own,
        receive=own,
        transmit=own,
    )
