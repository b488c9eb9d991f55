"""What a PTP grandmaster says of our time: the fields of ptp4l's GRANDMASTER_SETTINGS_NP; pure.

IEEE 1588-2008 7.6.2.4 (clockClass, table 5), 7.6.2.5 (clockAccuracy, table 6), 7.6.2.6 (timeSource,
table 7).  The line is for linuxptp's `pmc`, in the order that its SET takes them.
"""

from __future__ import annotations

import attrs

from appliance.quantities import NS_PER_S, Provenance
from appliance.timing.trusted import MAY_ISSUE, ClockState, Leap, NoTime, TrustedTime

PRIMARY_CLASS = 6
HOLDOVER_CLASS = 7
APPLICATION_CLASS = 13
"""Another timescale than TAI; what is simulated is one."""

DEGRADED_CLASS = 52
SECONDARY_CLASS = 187
"""May follow a better clock."""

DEFAULT_CLASS = 248

HOLDOVER_LIMIT_NS = 1_000_000
"""The bound up to which holdover is within its specification."""

LEAP_NOTICE_NS = 12 * 3600 * NS_PER_S
"""How long ahead the leap flags are raised."""

UNKNOWN_ACCURACY = 0xFE
WORST_ACCURACY = 0x31
UNKNOWN_VARIANCE = 0xFFFF

_ACCURACIES_NS = (
    (0x20, 25),
    (0x21, 100),
    (0x22, 250),
    (0x23, 1_000),
    (0x24, 2_500),
    (0x25, 10_000),
    (0x26, 25_000),
    (0x27, 100_000),
    (0x28, 250_000),
    (0x29, 1_000_000),
    (0x2A, 2_500_000),
    (0x2B, 10_000_000),
    (0x2C, 25_000_000),
    (0x2D, 100_000_000),
    (0x2E, 250_000_000),
    (0x2F, 1_000_000_000),
    (0x30, 10_000_000_000),
)
_GNSS_SOURCE, _NTP_SOURCE, _OTHER_SOURCE, _OSCILLATOR_SOURCE = 0x20, 0x50, 0x90, 0xA0
_STEERED = frozenset({ClockState.LOCKED, ClockState.READY, ClockState.DEGRADED})
_SOURCES = {
    PRIMARY_CLASS: _GNSS_SOURCE,
    HOLDOVER_CLASS: _OSCILLATOR_SOURCE,
    APPLICATION_CLASS: _OTHER_SOURCE,
    DEGRADED_CLASS: _OSCILLATOR_SOURCE,
    SECONDARY_CLASS: _NTP_SOURCE,
    DEFAULT_CLASS: _OSCILLATOR_SOURCE,
}


@attrs.frozen(kw_only=True)
class GrandmasterSettings:
    """The fields, by the names that `pmc` gives them."""

    clock_class: int
    clock_accuracy: int
    offset_scaled_log_variance: int = UNKNOWN_VARIANCE
    current_utc_offset_s: int
    leap61: bool
    leap59: bool
    current_utc_offset_valid: bool
    ptp_timescale: bool
    time_traceable: bool
    frequency_traceable: bool
    time_source: int

    def pmc_command(self) -> str:
        """Write the SET command of `pmc`."""
        return (
            f"SET GRANDMASTER_SETTINGS_NP clockClass {self.clock_class}"
            f" clockAccuracy {self.clock_accuracy:#04x}"
            f" offsetScaledLogVariance {self.offset_scaled_log_variance:#06x}"
            f" currentUtcOffset {self.current_utc_offset_s}"
            f" leap61 {self.leap61:d} leap59 {self.leap59:d}"
            f" currentUtcOffsetValid {self.current_utc_offset_valid:d}"
            f" ptpTimescale {self.ptp_timescale:d}"
            f" timeTraceable {self.time_traceable:d}"
            f" frequencyTraceable {self.frequency_traceable:d}"
            f" timeSource {self.time_source:#04x}"
        )


def grandmaster_settings(
    time: TrustedTime | NoTime, *, utc_offset_s: int = 37
) -> GrandmasterSettings:
    """Tell what a grandmaster may say of `time`.

    `utc_offset_s` is TAI - UTC as last known, for when there is no time that would tell it.
    """
    clock_class = _class_of(time)
    is_traceable = clock_class in (PRIMARY_CLASS, HOLDOVER_CLASS)
    has_time = not isinstance(time, NoTime) and time.state in MAY_ISSUE
    return GrandmasterSettings(
        clock_class=clock_class,
        clock_accuracy=_accuracy_of(time.bound_ns)
        if isinstance(time, TrustedTime) and has_time
        else UNKNOWN_ACCURACY,
        current_utc_offset_s=utc_offset_s if isinstance(time, NoTime) else time.utc_offset_s,
        leap61=_is_announced(time, Leap.INSERT),
        leap59=_is_announced(time, Leap.DELETE),
        current_utc_offset_valid=has_time
        and isinstance(time, TrustedTime)
        and time.leap is not Leap.UNKNOWN,
        ptp_timescale=clock_class != APPLICATION_CLASS,
        time_traceable=is_traceable,
        frequency_traceable=is_traceable,
        time_source=_SOURCES[clock_class],
    )


def _class_of(time: TrustedTime | NoTime) -> int:
    if isinstance(time, NoTime) or time.state not in MAY_ISSUE:
        return DEFAULT_CLASS
    if time.provenance is Provenance.SIMULATED:
        return APPLICATION_CLASS
    if time.provenance is Provenance.SYSTEM:
        return SECONDARY_CLASS
    if time.bound_ns > HOLDOVER_LIMIT_NS:
        return DEGRADED_CLASS
    return PRIMARY_CLASS if time.state in _STEERED else HOLDOVER_CLASS


def _accuracy_of(bound_ns: int) -> int:
    return next((code for code, most_ns in _ACCURACIES_NS if bound_ns <= most_ns), WORST_ACCURACY)


def _is_announced(time: TrustedTime | NoTime, leap: Leap) -> bool:
    if isinstance(time, NoTime) or time.leap is not leap:
        return False
    return time.leap_at_tai_ns - time.tai_ns <= LEAP_NOTICE_NS
