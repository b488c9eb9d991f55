"""What every driver gives: readings with the host's raw clock, and the three ways a device fails.

Units stand in the names; `raw_ns` is CLOCK_MONOTONIC_RAW of the host at the first octet of what
was read, or at the pulse itself where a reading is one.  `source` is the name the device has in the
settings.  `is_simulated` is set for a device that says so of itself or sits behind a
pseudo-terminal.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs


class DriverError(Exception):
    """A device could not do what was asked."""


class Silent(DriverError):
    """The device is there and does not answer in time."""


class Garbled(DriverError):
    """The device sent what its protocol does not allow."""


class Absent(DriverError):
    """The device is not there, or someone else holds it."""


class Constellation(enum.Enum):
    """Whose satellites a receiver takes its time from."""

    GPS = "gps"
    BEIDOU = "beidou"
    GLONASS = "glonass"
    GALILEO = "galileo"
    MIXED = "mixed"


class Antenna(enum.Enum):
    """What a receiver says of its antenna."""

    UNKNOWN = "unknown"
    OK = "ok"
    OPEN = "open"
    SHORT = "short"


class LeapNotice(enum.Enum):
    """What a source announces for the end of the UTC month."""

    NONE = "none"
    INSERT = "insert"
    DELETE = "delete"
    UNKNOWN = "unknown"


class Oven(enum.Enum):
    """The state of the oscillator's oven (OCB/1 OCSTA)."""

    COLD = "C"
    WARMING = "W"
    READY = "R"
    FAULT = "F"


@attrs.frozen(kw_only=True)
class GnssEpoch:
    """One second of one constellation by one receiver: the pulse it describes, and its health.

    `utc_s` is the POSIX second of the latest pulse, None when the receiver has no date.  None means
    "not told" everywhere.  `tai_utc_s` is TAI - UTC as broadcast; `leap_at_utc_s` the POSIX second
    at which an announced leap takes effect.  `gps_week` is as received (10 bits), `beidou_week` 13.
    `accuracy_ns` is the receiver's own word, never evidence; `sawtooth_ps` corrects the next pulse.
    `jamming` and `spoofing` run from 0 (unknown or none) and 1 (ok) to 3 (critical).
    """

    source: str
    raw_ns: int
    is_simulated: bool
    constellation: Constellation
    is_valid: bool
    utc_s: int | None = None
    tai_utc_s: int | None = None
    leap: LeapNotice = LeapNotice.UNKNOWN
    leap_at_utc_s: int | None = None
    gps_week: int | None = None
    beidou_week: int | None = None
    satellites: tuple[str, ...] = ()
    cn0_dbhz: float | None = None
    accuracy_ns: int | None = None
    sawtooth_ps: int | None = None
    antenna: Antenna = Antenna.UNKNOWN
    jamming: int | None = None
    spoofing: int | None = None


@attrs.frozen(kw_only=True)
class PhaseReading:
    """One OCTIC line: the oscillator's pulse `sequence`, and reference minus oscillator in ps.

    A positive interval means the reference's pulse came after the oscillator's, so the oscillator
    is fast by as much.  None where no pulse came.  `tai_s` is the label the board gives the pulse.
    """

    source: str
    raw_ns: int
    is_simulated: bool
    sequence: int
    tai_s: int
    gps_ps: int | None
    beidou_ps: int | None
    external_ps: int | None
    flags: int


@attrs.frozen(kw_only=True)
class BoardStatus:
    """One OCSTA line: temperatures in mK, EFC as the DAC's code and in uV, alarms as bits."""

    source: str
    raw_ns: int
    is_simulated: bool
    sequence: int
    oven: Oven
    current_ma: int
    case_mk: int
    board_mk: int
    dac: int
    efc_uv: int
    uptime_s: int
    alarms: int


@attrs.frozen(kw_only=True)
class PulseStamp:
    """One pulse of the oscillator on the host's raw clock, known within `uncertainty_ns`."""

    source: str
    raw_ns: int
    is_simulated: bool
    sequence: int
    uncertainty_ns: int


@attrs.frozen(kw_only=True)
class ModemReport:
    """What a 4G/5G modem says: network time (NITZ, UTC, whole seconds) and how well it hears."""

    source: str
    raw_ns: int
    is_simulated: bool
    is_registered: bool
    technology: str = ""
    operator: str = ""
    signal_dbm: int | None = None
    utc_s: int | None = None


@attrs.frozen(kw_only=True)
class NtpSample:
    """One NTP exchange: the server's UTC (POSIX ns) at `raw_ns`, the middle of the round trip.

    True within `delay_ns` / 2 + `root_dispersion_ns` + `root_delay_ns` / 2, if the server is.
    """

    source: str
    raw_ns: int
    is_simulated: bool
    utc_ns: int
    delay_ns: int
    root_delay_ns: int
    root_dispersion_ns: int
    stratum: int
    leap: LeapNotice
    is_authenticated: bool = False


class DeviceState(enum.Enum):
    """What became of a device."""

    PRESENT = "present"
    ABSENT = "absent"
    SILENT = "silent"
    GARBLED = "garbled"


@attrs.frozen(kw_only=True)
class DeviceChange:
    """A device came, went, fell silent or speaks nonsense; `detail` is for an operator."""

    source: str
    raw_ns: int
    state: DeviceState
    detail: str = ""


Reading = (
    GnssEpoch | PhaseReading | BoardStatus | PulseStamp | ModemReport | NtpSample | DeviceChange
)
Sink = Callable[[Reading], None]
"""Where a driver sends its readings; called in the reactor's thread, never raises."""
