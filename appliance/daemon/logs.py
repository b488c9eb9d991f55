"""The log of a role: one JSON object a line on standard error, event first."""

from __future__ import annotations

import json
import sys
from typing import TextIO, cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner

from appliance.quantities import Utc

_OUR_FIELDS = frozenset({"format", "failure", "isError", "message", "time", "system"})


def begin_log(role: str, stream: TextIO | None = None) -> None:
    """Send what is logged from now on to `stream`, standard error by default; debug is dropped."""
    target = stream or sys.stderr
    globalLogBeginner.beginLoggingTo([json_observer(role, target)], redirectStandardIO=False)


def json_observer(role: str, stream: TextIO) -> ILogObserver:
    """Make an observer that writes events as JSON lines."""

    def observe(event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info)
        if level is LogLevel.debug:
            return
        stream.write(json.dumps(_line(role, level.name, event), ensure_ascii=False) + "\n")
        stream.flush()

    return cast("ILogObserver", observe)


def _line(role: str, level: str, event: LogEvent) -> dict[str, str]:
    line = {
        "event": formatEvent(event),
        "level": level,
        "role": role,
        "at": Utc(int(event["log_time"] * 1_000_000)).isoformat(),
    }
    for name, value in event.items():
        if not name.startswith("log_") and name not in _OUR_FIELDS:
            line.setdefault(name, str(value))
    failure = event.get("log_failure")
    if failure is not None:
        line["trace"] = failure.getTraceback(detail="brief")
    return line
