"""gpsd's JSON reports: VERSION, DEVICES, DEVICE, TPV, SKY, TOFF and PPS, one a line.

Fields and units: gpsd_json(5).  gpsd merges the constellations of a receiver into one TPV, so its
epochs are MIXED; versions before 3.26 name BeiDou satellites above 32 as SBAS.  `leapseconds` is
not read: gpsd fills it from a built-in table when satellites have told nothing.
"""

from __future__ import annotations

import datetime as dt
import re

import attrs
import msgspec

from drivers.api import Constellation, Garbled, GnssEpoch, NtpSample
from drivers.gnss.nmea import posix_s
from drivers.gnss.satellites import gnss_name

LATEST_NS = 2_000_000_000
"""A fix is told within so long of the pulse whose second it names."""

STRATUM = 1
MAX_LINE = 32_768  # a SKY of 140 satellites has about 12 000 octets
WATCH = b'?WATCH={"enable":true,"json":true,"pps":true,"timing":true};\n'

_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?Z", re.ASCII)
_PSEUDO_TERMINAL = "/dev/pts/"
_SIMULATED = "simulat"


class Version(msgspec.Struct, frozen=True, tag_field="class", tag="VERSION"):
    """The daemon greets."""

    release: str = ""
    proto_major: int = 0
    proto_minor: int = 0


class Device(msgspec.Struct, frozen=True, tag_field="class", tag="DEVICE"):
    """A device of the daemon's; `driver` is empty until it has spoken."""

    path: str = ""
    driver: str = ""
    subtype: str = ""

    @property
    def is_simulated(self) -> bool:
        """Tell whether it sits behind a pseudo-terminal by its path, or says what it is."""
        return self.path.startswith(_PSEUDO_TERMINAL) or _SIMULATED in self.subtype.lower()


class Devices(msgspec.Struct, frozen=True, tag_field="class", tag="DEVICES"):
    """The devices that the daemon knows."""

    devices: tuple[Device, ...] = ()


class Tpv(msgspec.Struct, frozen=True, tag_field="class", tag="TPV"):
    """A fix: `mode` 0 unknown, 1 none, 2 and 3 dimensions; `ept` is the time's error in s."""

    device: str = ""
    mode: int = 0
    time: str = ""
    ept: float | None = None


class SkySatellite(msgspec.Struct, frozen=True):
    """A satellite in view: ids as in UBX, `ss` is C/N0 in dBHz."""

    PRN: int = 0
    gnssid: int = 0
    svid: int = 0
    ss: float | None = None
    used: bool = False


class Sky(msgspec.Struct, frozen=True, tag_field="class", tag="SKY"):
    """The satellites in view; None in a report of dilutions of precision alone."""

    device: str = ""
    satellites: tuple[SkySatellite, ...] | None = None


class Toff(msgspec.Struct, frozen=True, tag_field="class", tag="TOFF"):
    """When the daemon read the time `real` from the stream, by its host's clock."""

    device: str = ""
    real_sec: int = 0
    real_nsec: int = 0
    clock_sec: int = 0
    clock_nsec: int = 0
    precision: int = 0


class Pps(msgspec.Struct, frozen=True, tag_field="class", tag="PPS"):
    """When the pulse `real` came, by the host's clock; `qErr` in ps."""

    device: str = ""
    real_sec: int = 0
    real_nsec: int = 0
    clock_sec: int = 0
    clock_nsec: int = 0
    precision: int = 0
    qErr: int | None = None  # noqa: N815  gpsd's name


class _Other(msgspec.Struct, frozen=True):
    class_: str = msgspec.field(name="class")


Report = Version | Devices | Device | Tpv | Sky | Toff | Pps

_KNOWN = frozenset(("VERSION", "DEVICES", "DEVICE", "TPV", "SKY", "TOFF", "PPS"))
_CLASS = msgspec.json.Decoder(_Other)
_REPORT: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def decode(line: bytes) -> Report | None:
    """Read a line; None for a class we do not use.  Raises Garbled."""
    try:
        if _CLASS.decode(line).class_ not in _KNOWN:
            return None
        return _REPORT.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(f"gpsd: {error}") from error


def encode(report: Report) -> bytes:
    """Write a line with its line feed, as a daemon would."""
    return msgspec.json.encode(report) + b"\n"


def utc_s(time: str) -> int:
    """Read an ISO 8601 time of gpsd's, to the second below.  Raises Garbled."""
    found = _TIME.fullmatch(time)
    if found is None:
        raise Garbled(f"gpsd: no time: {time[:40]}")
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    try:
        date = dt.date(year, month, day)
    except ValueError as error:
        raise Garbled(f"gpsd: no date: {time}") from error
    if hour > 23 or minute > 59 or second > 60:
        raise Garbled(f"gpsd: no time of day: {time}")
    return posix_s(date, (hour * 3600 + minute * 60 + second) * 1000)


@attrs.define
class GpsdEpochs:
    """Makes GnssEpoch of one device's reports: one a second, with the sky as last told.

    `device` is its path at the daemon, "" for any.  Epochs are simulated for good once a device is
    that is used here: by its path, or by its own word where a link hides the path.
    """

    source: str
    device: str = ""
    constellation: Constellation = Constellation.MIXED
    _sky: tuple[SkySatellite, ...] = attrs.field(default=(), init=False)
    _error_ps: int | None = attrs.field(default=None, init=False)
    _given_s: int | None = attrs.field(default=None, init=False)
    _is_simulated: bool = attrs.field(default=False, init=False)

    def take(self, report: Report, raw_ns: int) -> GnssEpoch | None:
        """Take a report; gives an epoch at the first TPV of a second.  Raises Garbled."""
        if isinstance(report, Devices):
            for each in report.devices:
                self._meet(each)
        elif isinstance(report, Device):
            self._meet(report)
        elif not isinstance(report, Version) and self.device in ("", report.device):
            return self._use(report, raw_ns)
        return None

    def _meet(self, device: Device) -> None:
        if self.device in ("", device.path):
            self._is_simulated |= device.is_simulated

    def _use(self, report: Tpv | Sky | Toff | Pps, raw_ns: int) -> GnssEpoch | None:
        if isinstance(report, Sky):
            self._sky = self._sky if report.satellites is None else report.satellites
        elif isinstance(report, Pps):
            self._error_ps = report.qErr
        elif isinstance(report, Tpv):
            return self._epoch(report, raw_ns)
        return None

    def _epoch(self, tpv: Tpv, raw_ns: int) -> GnssEpoch | None:
        self._meet(Device(path=tpv.device))
        second = utc_s(tpv.time) if tpv.time else None
        if second is not None and second == self._given_s:
            return None
        self._given_s = second
        used = [each for each in self._sky if each.used]
        heard = [each.ss for each in used or self._sky if each.ss]
        return GnssEpoch(
            source=self.source,
            raw_ns=raw_ns,
            is_simulated=self._is_simulated,
            constellation=self.constellation,
            is_valid=tpv.mode >= 2 and second is not None,
            utc_s=second,
            satellites=tuple(sorted({_name(each) for each in used})),
            cn0_dbhz=round(sum(heard) / len(heard), 1) if heard else None,
            accuracy_ns=None if tpv.ept is None else round(min(tpv.ept, 1e6) * 1e9),
            sawtooth_ps=self._error_ps,
        )


def _name(satellite: SkySatellite) -> str:
    return gnss_name(satellite.gnssid, satellite.svid or satellite.PRN)


def as_sample(epoch: GnssEpoch) -> NtpSample | None:
    """Make of an epoch what a network may tell of time: a second's word, never a pulse's health.

    An epoch itself vouches for pulses, which whoever holds a socket must not do.  None without fix.
    """
    if not epoch.is_valid or epoch.utc_s is None:
        return None
    return NtpSample(
        source=epoch.source,
        raw_ns=epoch.raw_ns,
        is_simulated=epoch.is_simulated,
        utc_ns=epoch.utc_s * 1_000_000_000 + LATEST_NS // 2,
        delay_ns=LATEST_NS,
        root_delay_ns=0,
        root_dispersion_ns=0,
        stratum=STRATUM,
        leap=epoch.leap,
    )
