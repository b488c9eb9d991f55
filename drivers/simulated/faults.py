"""The faults that a scenario may inject: what each is called, what it bends, what it takes.

Left out on purpose, for no device shows them: an expired leap file, a corrupted state file, and a
peer that disagrees; their tests make them where they arise.
"""

from __future__ import annotations

import enum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Bends(enum.Enum):
    """Which kind of device a fault bends."""

    GNSS = "a satellite receiver"
    BOARD = "the oscillator's board"
    MODEM = "the modem"
    NTP = "an NTP server"
    LINE = "a serial line"
    HOST = "the host"
    WORLD = "the world"


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault that is there or not."""


class Delay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A constant delay of the pulse; negative comes early."""

    delay_ns: int = 100_000


class Ramp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A delay of the pulse that grows by so many seconds a second."""

    rate: Annotated[float, Meta(ge=-1e-3, le=1e-3)] = 1e-9


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whole seconds that are added to what a device says."""

    shift_s: int = 1


class Year(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The year that a receiver believes in."""

    year: Annotated[int, Meta(ge=1980, le=2099)] = 1999


class LeapCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """GPS - UTC as a receiver believes it."""

    gps_utc_s: Annotated[int, Meta(ge=0, le=127)] = 17


class LeapChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which leap second: +1 inserted, -1 deleted."""

    change: Literal[-1, 1] = 1


class Zone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far the time zone is wrong, in quarters of an hour."""

    quarters: Annotated[int, Meta(ge=-80, le=24)] = -32


class Offset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a server or a clock is wrong."""

    offset_ns: int = 1_000_000_000


class Kiss(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kiss code of RFC 5905 7.4."""

    code: Literal["RATE", "DENY", "RSTR"] = "RATE"


class Frequency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fractional frequency."""

    freq: Annotated[float, Meta(ge=-1e-6, le=1e-6)] = 5e-11


class Retrace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an oscillator's frequency is off after power on, beside what its model draws."""

    freq: Annotated[float, Meta(ge=-1e-6, le=1e-6)] = 1e-9


class Kelvin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of temperature."""

    step_k: Annotated[float, Meta(ge=-40.0, le=40.0)] = 6.0


class Rail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At which end the DAC is stuck."""

    end: Literal["low", "high"] = "high"


Parameters = (
    Nothing
    | Delay
    | Ramp
    | Shift
    | Year
    | LeapCount
    | LeapChange
    | Zone
    | Offset
    | Kiss
    | Frequency
    | Retrace
    | Kelvin
    | Rail
)


class Fault(enum.Enum):
    """A fault by its name in a scenario, the kind of device it bends, and what it takes."""

    # satellites, antenna, receiver
    ANTENNA_CUT = ("antenna_cut", Bends.GNSS, Nothing)
    ANTENNA_SHORT = ("antenna_short", Bends.GNSS, Nothing)
    JAM = ("jam", Bends.GNSS, Nothing)
    SPOOF_RAMP = ("spoof_ramp", Bends.GNSS, Ramp)
    SPOOF_STEP = ("spoof_step", Bends.GNSS, Delay)
    MEACONING = ("meaconing", Bends.GNSS, Delay)
    WEEK_ROLLOVER = ("week_rollover", Bends.GNSS, Nothing)
    WRONG_LEAP_COUNT = ("wrong_leap_count", Bends.GNSS, LeapCount)
    FALSE_LEAP_WARNING = ("false_leap_warning", Bends.GNSS, LeapChange)
    PULSE_MISSING = ("pulse_missing", Bends.GNSS, Nothing)
    MESSAGES_MISSING = ("messages_missing", Bends.GNSS, Nothing)
    MESSAGES_SHIFTED = ("messages_shifted", Bends.GNSS, Shift)
    SAWTOOTH_SIGN = ("sawtooth_sign", Bends.GNSS, Nothing)
    HANGING_BRIDGE = ("hanging_bridge", Bends.GNSS, Nothing)
    STUCK = ("stuck", Bends.GNSS, Nothing)
    WRONG_YEAR = ("wrong_year", Bends.GNSS, Year)
    # any serial line
    GARBAGE = ("garbage", Bends.LINE, Nothing)
    BAD_CHECKSUM = ("bad_checksum", Bends.LINE, Nothing)
    SPLIT = ("split", Bends.LINE, Nothing)
    MERGED = ("merged", Bends.LINE, Nothing)
    OVERLONG = ("overlong", Bends.LINE, Nothing)
    UNPLUG = ("unplug", Bends.LINE, Nothing)
    # modem
    NITZ_WRONG = ("nitz_wrong", Bends.MODEM, Shift)
    NITZ_ZONE = ("nitz_zone", Bends.MODEM, Zone)
    NITZ_NEVER = ("nitz_never", Bends.MODEM, Nothing)
    MODEM_REBOOT = ("modem_reboot", Bends.MODEM, Nothing)
    MODEM_URC = ("modem_urc", Bends.MODEM, Nothing)
    NO_NETWORK = ("no_network", Bends.MODEM, Nothing)
    # NTP servers and the path to them
    NTP_FALSE = ("ntp_false", Bends.NTP, Offset)
    NTP_KISS = ("ntp_kiss", Bends.NTP, Kiss)
    NTP_REPLAY = ("ntp_replay", Bends.NTP, Nothing)
    NTP_ORIGIN = ("ntp_origin", Bends.NTP, Nothing)
    NTP_SILENT = ("ntp_silent", Bends.NTP, Nothing)
    NTP_ASYMMETRY = ("ntp_asymmetry", Bends.NTP, Delay)
    # oscillator and board
    OVEN_FAILED = ("oven_failed", Bends.BOARD, Nothing)
    POWER_OFF = ("power_off", Bends.BOARD, Retrace)
    DAC_RAIL = ("dac_rail", Bends.BOARD, Rail)
    CRYSTAL_JUMP = ("crystal_jump", Bends.BOARD, Frequency)
    PHASE_STEP = ("phase_step", Bends.BOARD, Delay)
    HVAC_STEP = ("hvac_step", Bends.WORLD, Kelvin)
    LEAP_SECOND = ("leap_second", Bends.WORLD, LeapChange)
    # host
    REALTIME_STEP = ("realtime_step", Bends.HOST, Offset)
    RAW_STALL = ("raw_stall", Bends.HOST, Nothing)
    HOST_REBOOT = ("host_reboot", Bends.HOST, Nothing)

    def __init__(self, word: str, bends: Bends, takes: type[Parameters]) -> None:
        self.word = word
        self.bends = bends
        self.takes = takes
