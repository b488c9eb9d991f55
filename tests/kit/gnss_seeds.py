"""Seeds of the fuzz targets that read what receivers and gpsd say."""

import struct
from collections.abc import Mapping
from pathlib import Path

from drivers.gnss import casic, gpsd, nmea, ubx, ubx_setup
from kit import gnss

Seeds = Mapping[str, bytes]


def all_seeds() -> dict[str, Seeds]:
    """Give the seeds by target."""
    streams = {path.name: path.read_bytes() for path in captures()}
    return {
        "nmea": {name: octets[:2000] for name, octets in streams.items() if name.endswith("nmea")}
        | {"second": gnss.nmea_second(gnss.NOON_S), "torn": gnss.nmea_second(gnss.NOON_S)[3:60]}
        | {f"bare-{place}": body for place, body in enumerate(bodies())},
        "ubx": ubx_seeds(),
        "casic": casic_seeds(),
        "gnss_stream": {name: octets[:4000] for name, octets in streams.items()},
        "gpsd_lines": gpsd_seeds(),
    }


def captures() -> list[Path]:
    """List the captures, without their golden readings."""
    return sorted(path for path in gnss.CAPTURES.iterdir() if path.suffix != ".json")


def bodies() -> list[bytes]:
    """Give a sentence of each kind without its frame."""
    kinds = {type(each): nmea.encode(each) for each in gnss.sentences(gnss.NOON_S)}
    return [octets[1:-5] for octets in kinds.values()]


def ubx_seeds() -> Seeds:
    """Give a frame of each kind, and a payload behind its class and id."""
    messages = [
        *gnss.ubx_messages(gnss.NOON_S),
        ubx.MonHw(80, 5000, 2, 1, 4, 10),
        ubx.MonVer("EXT CORE 1.00", "00190000", ("PROTVER=32.00",)),
        ubx.Ack(ubx.CFG_VALSET, is_accepted=False),
    ]
    frames = {type(each).__name__.lower(): ubx.encode(each) for each in messages}
    bare = {f"{name}-bare": octets[2:4] + octets[6:-2] for name, octets in frames.items()}
    setup = ubx_setup.fixed_position(ubx_setup.Place(1, -2, 3, 4))
    security = struct.pack(">H", ubx.SEC_SIG) + bytes((2, 0x35, 0, 1)) + bytes(4)
    return {**frames, **bare, "valset": setup, "valset-bare": b"\x06\x8a" + setup[6:-2]} | {
        "secsig-2": security
    }


def casic_seeds() -> Seeds:
    """Give a second, and single frames, whole and as payloads."""
    frames = {
        "tmode": casic.encode(casic.CfgTmode(2, 1.0, -2.0, 3.0, 4.0)),
        "msg": casic.configure_timing(),
        "ack": casic.encode(casic.Ack(casic.CFG_MSG, is_accepted=True)),
        "worked": bytes.fromhex("bace080006000107c00800c2010009c9c708"),
    }
    second = gnss.casic_second(gnss.NOON_S)
    times = second[second.index(b"\xba\xce") :]
    bare = {f"{name}-bare": octets[4:-4] for name, octets in frames.items()}
    return {**frames, **bare, "second": second, "times": times, "torn": times[:-3]}


def gpsd_seeds() -> Seeds:
    """Give a report of each kind, and several lines."""
    satellite = gpsd.SkySatellite(412, 3, 12, 33.0, used=True)
    reports: dict[str, gpsd.Report] = {
        "version": gpsd.Version("3.25", 3, 15),
        "devices": gpsd.Devices((gpsd.Device("/dev/gps0", "u-blox", "SW 1"),)),
        "tpv": gpsd.Tpv("/dev/gps0", 3, "2026-10-05T09:00:01.000Z", 0.005),
        "sky": gpsd.Sky("/dev/gps0", (satellite,)),
        "toff": gpsd.Toff("/dev/gps0", 1, 2, 3, 4, -1),
        "pps": gpsd.Pps("/dev/gps0", 1, 2, 3, 4, -20, -2345),
    }
    lines = {name: gpsd.encode(report) for name, report in reports.items()}
    leap = lines["tpv"].replace(b"09:00:01", b"23:59:60")
    return {**lines, "all": b"".join(lines.values()), "leap": leap, "other": b'{"class":"ATT"}'}
