"""NMEA sentences of a simulated receiver, rendered so that a second costs microseconds.

What holds for long is encoded once by the real codec and kept; what changes each second is a
template of it into which the time of day is put.
"""

from __future__ import annotations

import datetime as dt
import enum
import random  # noqa: TID251  (a seeded model; nothing secret comes of it)

from drivers.api import Constellation
from drivers.gnss import nmea
from drivers.simulated.world import CivilSecond

LATITUDE_E7, LONGITUDE_E7, ALTITUDE_DM = 399_042_000, 1_164_074_000, 435
DAY_S = 86_400
SKY_CHANGES_EVERY_S = 600
CN0_CHANGES_EVERY_S = 30
USED = 9
_TIME_HOLDER = b"000000.000"
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_NUMBERS = {Constellation.GPS: range(1, 33), Constellation.BEIDOU: range(6, 47)}
_TALKERS = {Constellation.GPS: "GP", Constellation.BEIDOU: "GB"}
_SYSTEMS = {Constellation.GPS: 1, Constellation.BEIDOU: 4}


def text(talker: str, words: str) -> bytes:
    """Write a TXT sentence of a notice."""
    return nmea.encode(nmea.Txt(talker=talker, severity=2, text=words))


class TimeSentences:
    """RMC, GGA and ZDA of a receiver that stands still."""

    def __init__(self, talker: str) -> None:
        self._talker = talker
        self._made_for: tuple[int, int] | None = None
        self._bodies: list[tuple[bytes, bytes]] = []

    def render(self, civil: CivilSecond, used: int, *, has_place: bool) -> bytes:
        """Write the sentences of a second; GGA only with `has_place`, no fix without satellites."""
        day, second = divmod(civil.utc_s, DAY_S)
        if civil.is_leap:
            day, second = day - 1, DAY_S
        if self._made_for != (day, used):
            self._make(day, used)
        bodies = self._bodies if has_place else self._bodies[:-1]
        clock = b"%02d%02d%02d.000" % _clock(second)
        return b"".join([nmea.frame(head + clock + tail) for head, tail in bodies])

    def _make(self, day: int, used: int) -> None:
        self._made_for = (day, used)
        date = dt.date.fromordinal(_EPOCH_ORDINAL + day)
        place = (LATITUDE_E7, LONGITUDE_E7) if used else (None, None)
        sentences = (
            nmea.Rmc(
                talker=self._talker,
                time_ms=0,
                date=date,
                is_valid=used > 0,
                mode="A" if used else "N",
                latitude_e7=place[0],
                longitude_e7=place[1],
            ),
            nmea.Zda(talker=self._talker, time_ms=0, date=date),
            nmea.Gga(
                talker=self._talker,
                time_ms=0,
                quality=1 if used else 0,
                satellites=used,
                latitude_e7=place[0],
                longitude_e7=place[1],
                altitude_dm=ALTITUDE_DM,
            ),
        )
        self._bodies = [_split(nmea.encode(each)) for each in sentences]


def _split(sentence: bytes) -> tuple[bytes, bytes]:
    """Give what stands before and after the time, without `$`, checksum and line end."""
    head, _, tail = sentence[1:-5].partition(_TIME_HOLDER)
    return head, tail


def _clock(second: int) -> tuple[int, int, int]:
    if second == DAY_S:
        return 23, 59, 60
    return second // 3600, second // 60 % 60, second % 60


class SkyView(enum.Enum):
    """How the antenna sees the sky."""

    CLEAR = 0
    WEAK = 18
    DARK = 99

    @property
    def loss_dbhz(self) -> int:
        """Tell by how much C/N0 is lower."""
        return self.value


class Sky:
    """The satellites of one constellation; one sets and another rises now and then."""

    def __init__(self, constellation: Constellation, draw: random.Random) -> None:
        self.talker = _TALKERS[constellation]
        self._constellation = constellation
        self._random = draw
        self._satellites = [
            self._rise(number) for number in draw.sample(list(_NUMBERS[constellation]), USED + 2)
        ]
        self._sort()
        self._ages_s = 0
        self._changes_in_s = draw.randrange(SKY_CHANGES_EVERY_S // 2, SKY_CHANGES_EVERY_S * 2)
        self._view: SkyView | None = None
        self.used_count = 0
        self.used_octets = b""
        self.in_view_octets = b""

    def advance(self, view: SkyView) -> None:
        """Go on by a second."""
        self._ages_s += 1
        is_new = view is not self._view
        if self._ages_s >= self._changes_in_s:
            self._ages_s = 0
            self._changes_in_s = self._random.randrange(
                SKY_CHANGES_EVERY_S // 2, SKY_CHANGES_EVERY_S * 2
            )
            self._change()
            is_new = True
        if is_new or self._ages_s % CN0_CHANGES_EVERY_S == 0:
            self._view = view
            self._write(view)

    def _rise(self, number: int) -> nmea.InView:
        draw = self._random
        elevation_deg = draw.randrange(12, 85)
        cn0_dbhz = 34 + elevation_deg // 7 + draw.randrange(3)
        return nmea.InView(number, elevation_deg, draw.randrange(360), cn0_dbhz)

    def _change(self) -> None:
        seen = {each.number for each in self._satellites}
        unseen = [each for each in _NUMBERS[self._constellation] if each not in seen]
        self._satellites.pop(self._random.randrange(USED))
        self._satellites.append(self._rise(self._random.choice(unseen)))
        self._sort()

    def _sort(self) -> None:
        """Put the highest first: they are the ones used."""
        self._satellites.sort(key=lambda each: -(each.elevation_deg or 0))

    def _write(self, view: SkyView) -> None:
        system = _SYSTEMS[self._constellation]
        used = [] if view is SkyView.DARK else self._satellites[:USED]
        self.used_count = len(used)
        gsa = nmea.Gsa(
            talker=self.talker,
            fix=3 if used else 1,
            numbers=tuple([each.number for each in used]),
            system=system,
        )
        self.used_octets = nmea.encode(gsa)
        seen = (
            [] if view is SkyView.DARK else [self._heard(each, view) for each in self._satellites]
        )
        self.in_view_octets = b"".join(map(nmea.encode, self._in_view(seen)))

    def _heard(self, satellite: nmea.InView, view: SkyView) -> nmea.InView:
        cn0_dbhz = (satellite.cn0_dbhz or 0) + self._random.randrange(-1, 2) - view.loss_dbhz
        return nmea.InView(
            satellite.number, satellite.elevation_deg, satellite.azimuth_deg, cn0_dbhz
        )

    def _in_view(self, seen: list[nmea.InView]) -> list[nmea.Gsv]:
        fours = [tuple(seen[at : at + 4]) for at in range(0, len(seen), 4)] or [()]
        return [
            nmea.Gsv(
                talker=self.talker,
                parts=len(fours),
                part=part,
                in_view=len(seen),
                satellites=four,
                signal=1,
            )
            for part, four in enumerate(fours, 1)
        ]
