"""What is logged while a test runs."""

import contextlib
from collections.abc import Iterator
from typing import cast

from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher


@contextlib.contextmanager
def logged(at_least: LogLevel = LogLevel.warn) -> Iterator[list[LogEvent]]:
    """Collect the events of a level and above."""
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if event["log_level"] >= at_least:
            events.append(event)

    observer = cast("ILogObserver", observe)
    globalLogPublisher.addObserver(observer)
    try:
        yield events
    finally:
        globalLogPublisher.removeObserver(observer)
