"""How `shiyin time` lays the clock out for a person: English and Chinese, one fact a line."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from appliance.quantities import SECONDS_PER_DAY

_LABEL_COLUMNS = 20
_UNITS = ((SECONDS_PER_DAY, "d"), (3600, "h"), (60, "min"))


def render(facts: Mapping[str, Any]) -> list[str]:
    """Lay out what `timed` tells, with the instant of its page as `time`."""
    told = facts["time"]
    lines = []
    if facts.get("provenance", told.get("provenance")) == "SIMULATED":
        lines += ["*** SIMULATED TIME 模拟时间 ***", ""]
    lines += _instant(told)
    if "state" not in facts:
        if "state" in told:
            lines.append(_line("state 状态", told["state"]))
        return [*lines, _line("source 时间来源", f"{facts['source']} (no devices 无设备)")]
    return [
        *lines,
        *_standing(facts),
        *("", "sources 时间源", *_sources(facts["sources"])),
        _line("votes 表决", _votes(facts["votes"])),
        *("", "if satellites vanished now 如现在失去卫星"),
        *_holdover(facts["if_satellites_vanished_now"]),
        *("", "alarms 告警"),
        *(
            [f"  {each['english']} / {each['chinese']}" for each in facts["alarms"]]
            or ["  none 无"]
        ),
    ]


def _instant(told: Mapping[str, Any]) -> list[str]:
    if told["utc"] is None:
        return [_line("no time 无可用时间", told["reason"])]
    return [
        _line("UTC", told["utc"]),
        _line("Beijing 北京时间", told["beijing"]),
        _line("bound 误差界", f"+-{told['bound_us']} us"),
        _line("leap 闰秒", f"{told['leap']}, TAI - UTC = {told['tai_minus_utc_s']} s"),
    ]


def _standing(facts: Mapping[str, Any]) -> list[str]:
    cause = f" ({facts['cause']})" if facts["cause"] else ""
    lines = [_line("state 状态", f"{facts['state']}{cause}, for {span(facts['since_s'])}")]
    if facts["offset_ns"] is not None:
        learnt = span(round(facts["learned_h"] * 3600))
        lines.append(_line("oscillator 晶振", f"{facts['offset_ns']:+d} ns, learnt for {learnt}"))
    if facts["temperature_mk"] is not None:
        celsius = facts["temperature_mk"] / 1000 - 273.15
        lines.append(_line("temperature 温度", f"{celsius:.1f} C"))
    return lines


def _sources(sources: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lay out the table of sources; what a witness differs by is told in milliseconds."""
    rows = []
    for source in sources:
        use = "used 使用" if source["is_used"] else "not used 未用"
        offset_ns = source["offset_ns"]
        offset = "" if offset_ns is None else f"{offset_ns / 1e6:+.3f} ms"
        cells = (_pad(source["name"], 16), _pad(source["domain"], 16), _pad(use, 14))
        rows.append(f"  {' '.join(cells)} {offset:>14}  {source['detail']}".rstrip())
    return rows or ["  none 无"]


def _votes(votes: Mapping[str, Sequence[str]]) -> str:
    agreeing, dissenting = (", ".join(votes[side]) or "-" for side in ("agreeing", "dissenting"))
    return f"for 赞成: {agreeing}; against 反对: {dissenting}"


def _holdover(table: Sequence[Mapping[str, int]]) -> list[str]:
    if not table:
        return ["  not known yet 尚未知"]
    return [f"  +-{row['bound_us']} us after {row['hours']} h" for row in table]


def span(seconds: int) -> str:
    """Tell how long `seconds` are in the two greatest units that are not zero.

    Below a minute that is seconds alone.
    """
    parts: list[str] = []
    rest = seconds
    for size, unit in (*_UNITS, (1, "s")):
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(part for part in parts[:2] if not part.startswith("0 ")) or "0 s"


def _line(label: str, value: str) -> str:
    return f"{_pad(label, _LABEL_COLUMNS)}{value}"


def _pad(text: str, columns: int) -> str:
    """Fill up to so many columns of a terminal, in which a Chinese character takes two."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return text + " " * max(0, columns - len(text) - wide)
