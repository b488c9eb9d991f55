"""What the network and the mobile operator say of the time: checks, never the clock's source."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from appliance.quantities import NS_PER_S
from appliance.timing.sources.vote import Claim
from drivers.api import ModemReport, NtpSample

LIFE_NS = 3600 * NS_PER_S
LEAST_HALF_WIDTH_NS = 1_000_000
NITZ_HALF_WIDTH_NS = 2 * NS_PER_S
"""NITZ has whole seconds and no promised accuracy: 3GPP TS 22.042 asks for minutes only."""

WANDER_PPM = 100
CELLULAR = "cellular"
UNSYNCHRONISED_STRATUM = 16


@attrs.frozen
class _Word:
    """A source's UTC at a raw instant, within half a width."""

    domain: str
    raw_ns: int
    utc_ns: int
    half_width_ns: int


class Witnesses:
    """The latest word of each NTP server and modem."""

    def __init__(self, operators: Mapping[str, str]) -> None:
        self._operators = operators
        self._words: dict[str, _Word] = {}

    def take_ntp(self, sample: NtpSample) -> None:
        """Take an exchange with a synchronised server."""
        if not 0 < sample.stratum < UNSYNCHRONISED_STRATUM:
            return
        half_ns = sample.delay_ns // 2 + sample.root_dispersion_ns + sample.root_delay_ns // 2
        domain = "ntp:" + self._operators.get(sample.source, sample.source)
        self._words[sample.source] = _Word(
            domain, sample.raw_ns, sample.utc_ns, max(half_ns, LEAST_HALF_WIDTH_NS)
        )

    def take_modem(self, report: ModemReport) -> None:
        """Take network time, where the report has any."""
        if report.utc_s is not None:
            self._words[report.source] = _Word(
                CELLULAR, report.raw_ns, report.utc_s * NS_PER_S, NITZ_HALF_WIDTH_NS
            )

    def forget(self, source: str) -> None:
        """Drop a source that is gone."""
        self._words.pop(source, None)

    def claims(self, raw_ns: int, tai_utc_s: int) -> list[Claim]:
        """Tell what each allows TAI to be at `raw_ns`, the raw clock's wander since included."""
        claims = []
        for source, word in self._words.items():
            age_ns = raw_ns - word.raw_ns
            if abs(age_ns) <= LIFE_NS:
                middle_ns = word.utc_ns + tai_utc_s * NS_PER_S + age_ns
                half_ns = word.half_width_ns + abs(age_ns) * WANDER_PPM // 1_000_000
                interval = (middle_ns - half_ns, middle_ns + half_ns)
                claims.append(Claim(source, word.domain, interval))
        return claims
