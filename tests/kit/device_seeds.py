"""Seeds of the fuzz targets that read the oscillator board, the modem and NTP."""

from collections.abc import Mapping

import attrs

from drivers.api import LeapNotice
from drivers.ntp import packet, responder
from drivers.ntp.packet import LeapIndicator, Mode, Packet
from drivers.oscillator import ocb
from drivers.oscillator.ocb import Request, Verb
from kit.fuzzing import ROOT

UTC_NS = 1_795_396_504_250_000_000
COOKIE = bytes(range(1, 9))
CAPTURES = ROOT / "tests" / "captures"


def all_seeds() -> Mapping[str, Mapping[str, bytes]]:
    """Give the seeds by target."""
    return {"ocb": board_seeds(), "at": modem_seeds(), "ntp_packet": ntp_seeds()}


def board_seeds() -> Mapping[str, bytes]:
    """Give the captured lines and one request of each verb."""
    minute = (CAPTURES / "oscillator" / "minute.ocb").read_bytes().replace(b"\r", b"")
    asked = (
        Request(1, Verb.ID),
        Request(2, Verb.CAL),
        Request(3, Verb.DAC, (524_288,)),
        Request(4, Verb.SLEW, (1000, -500_000)),
        Request(5, Verb.ARM, (-500_000_000, 77)),
        Request(6, Verb.STEP, (77,)),
        Request(7, Verb.SET, (1_795_396_541,)),
        Request(8, Verb.OUT, ("irigb", "off")),
        Request(9, Verb.WDT, (60,)),
        Request(65535, Verb.LOG, (0,)),
    )
    requests = b"".join(map(ocb.encode_request, asked)).replace(b"\r", b"")
    return {"minute": minute, "requests": requests}


def modem_seeds() -> Mapping[str, bytes]:
    """Give the captured dialogues."""
    found = sorted((CAPTURES / "modem").glob("*.at"))
    return {path.stem: path.read_bytes() for path in found}


def ntp_seeds() -> Mapping[str, bytes]:
    """Give a request, replies, kisses."""
    served = responder.ServedTime(
        receive_utc_ns=UTC_NS,
        transmit_utc_ns=UTC_NS + 500_000,
        reference_utc_ns=UTC_NS,
        bound_ns=72_000,
        stratum=1,
        reference_id=b"HLD2",
        leap=LeapNotice.INSERT,
    )
    request = packet.encode(Packet(mode=Mode.CLIENT, transmit=COOKIE))
    kiss = Packet(mode=Mode.SERVER, leap=LeapIndicator.UNKNOWN, origin=COOKIE, reference_id=b"RATE")
    reply = responder.respond(request, served)
    assert reply is not None
    return {
        "request": request,
        "request-v3": bytes((3 << 3 | 3,)) + request[1:],
        "reply": reply,
        "untrusted": responder.respond(request, None) or b"",
        "rate": packet.encode(kiss) + reply,
        "deny": packet.encode(attrs.evolve(kiss, reference_id=b"DENY")),
        "later-era": packet.encode(
            Packet(mode=Mode.SERVER, stratum=2, receive=COOKIE, transmit=COOKIE)
        ),
        "era-end": packet.encode(
            Packet(mode=Mode.SERVER, receive=b"\xff" * 8, transmit=b"\x7f" + b"\xff" * 7)
        ),
        "symmetric": bytes((4 << 3 | 1,)) + request[1:],
    }
