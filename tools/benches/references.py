"""What figures are held against: one core of OpenSSL and of our own engine, in the same run."""

from __future__ import annotations

import itertools
import os
import platform
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.crypto.api import Sm2Engine
from appliance.errors import NotFound

OPENSSL_NAMES = {"sm2": "sm2", "gmt": "sm2", "p256": "ecdsap256", "rsa": "rsa3072"}
"""The algorithm of `openssl speed` by profile."""

OPENSSL_ROUND_S = 1
ENGINE_ROUND_S = 0.2
_DIGESTS = 64

_SPEED_LINE = re.compile(r"^\+R\d+:(\d+):.*:([\d.]+)$", re.MULTILINE)


class Reference:
    """A speed measured between the parts of a run, as machines change from second to second."""

    def __init__(self, measure: Callable[[], float]) -> None:
        self._measure = measure
        self._readings: list[float] = []

    def take(self) -> None:
        """Measure once more."""
        self._readings.append(self._measure())

    @property
    def per_s(self) -> float:
        """The median of all readings."""
        return statistics.median(self._readings)

    def ratio(self, rates: Sequence[float]) -> float:
        """Hold each rate against the readings just before and after it; gives the median."""
        around = itertools.pairwise(self._readings)
        return statistics.median(
            rate / statistics.mean(pair) for rate, pair in zip(rates, around, strict=True)
        )


def openssl_sign_per_s(algorithm: str) -> float:
    """Measure signing by one core of `openssl speed`.  Raises NotFound when it has no such test."""
    command = ["openssl", "speed", "-mr", "-seconds", str(OPENSSL_ROUND_S), algorithm]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if (found := sign_per_s(line.decode("ascii", "replace"))) is not None:
                process.kill()  # it would go on to measure verification
                return found
    raise NotFound(f"`openssl speed {algorithm}` measures nothing here")


def sign_per_s(line: str) -> float | None:
    """Read count and seconds from a line that `openssl speed -mr` prints after a measurement."""
    found = _SPEED_LINE.match(line)
    return int(found[1]) / float(found[2]) if found else None


def engine_sign_verify_per_s(engine: Sm2Engine) -> float:
    """Measure one core of an engine signing one by one, each checked under its cached key."""
    key = engine.generate()
    digests = [os.urandom(32) for _ in range(_DIGESTS)]
    signed = 0
    began = time.perf_counter()
    while (took_s := time.perf_counter() - began) < ENGINE_ROUND_S:
        for digest in digests:
            key.sign_digest(digest)
        signed += len(digests)
    key.close()
    return signed / took_s


def machine() -> dict[str, str | int]:
    """Say what the figures were measured on."""
    version = subprocess.run(["openssl", "version"], capture_output=True, text=True, check=True)
    return {
        "cores": os.cpu_count() or 1,
        "cpu": _cpu_model(),
        "python": platform.python_version(),
        "openssl": version.stdout.strip(),
    }


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text("utf-8", "replace")
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()
