"""Names of satellites as RINEX writes them: a letter for the system, and two digits.

Numbers differ by sentence: NMEA 4.11 numbers each system from 1 (GLONASS from 65); older receivers
put BeiDou at 201 (SiRF) or 401 (u-blox) and Galileo at 301.
"""

from __future__ import annotations

import functools

from drivers.api import Constellation

SYSTEM_OF_TALKER = {"GP": "G", "GL": "R", "GA": "E", "GB": "C", "BD": "C", "GQ": "J", "GI": "I"}
SYSTEM_OF_NMEA_ID = {1: "G", 2: "R", 3: "E", 4: "C", 5: "J", 6: "I"}
SYSTEM_OF_GNSS_ID = {0: "G", 1: "S", 2: "E", 3: "C", 5: "J", 6: "R", 7: "I"}  # UBX, gpsd

_OWN = {
    Constellation.GPS: "GSJ",  # QZSS and SBAS run on GPS time
    Constellation.BEIDOU: "C",
    Constellation.GLONASS: "R",
    Constellation.GALILEO: "E",
}
_RANGES = (
    # first, last, system, what to subtract: numbers that tell the system themselves
    (33, 64, "S", -87),
    (65, 96, "R", 64),
    (193, 202, "J", 192),
    (201, 263, "C", 200),
    (301, 336, "E", 300),
    (401, 463, "C", 400),
)


@functools.lru_cache(maxsize=512)
def nmea_name(system: str, number: int) -> str:
    """Name a satellite by a system's letter ("" if untold) and a number from GSA or GSV."""
    for first, last, told, offset in _RANGES:
        if first <= number <= last and _may_be(system, told):
            return f"{told}{number - offset:02d}"
    return f"{system or 'G'}{number:02d}"


def _may_be(system: str, told: str) -> bool:
    return system in ("", told) or (system == "G" and told in "SJ")


@functools.lru_cache(maxsize=512)
def gnss_name(gnss: int, number: int) -> str:
    """Name a satellite by the ids of UBX and gpsd."""
    return f"{SYSTEM_OF_GNSS_ID.get(gnss, 'X')}{number:02d}"


def are_of(constellation: Constellation, names: tuple[str, ...]) -> bool:
    """Tell whether no satellite is of another system; true of none, and of MIXED."""
    own = _OWN.get(constellation)
    return own is None or all(name[0] in own for name in names)
