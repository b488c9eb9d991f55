"""Look for time that depends on a secret: Welch's t-test over the native SM2 core, after dudect.

Two classes of secret, one fixed and random ones, are timed in random order by the C program
tests/crypto/native_harness/timing.c, built with the flags of the extension.  |t| over 4.5 says that
their mean times differ.  A control in variable time shows that the bench would notice.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from kit import native_build

LIMIT = 4.5
"""Reparaz, Balasch, Verbauwhede: Dude, is my code constant time?, 2017, section III."""

CROPS = (0.5, 0.75, 0.9, 1.0)
"""Shares of the quickest samples kept: interrupts make the slowest ones noise."""

SAMPLES = {"sign": 200_000, "kg": 200_000, "control": 50_000}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print one JSON object, and give 1 when a secret shows or the control does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", choices=native_build.RUNNABLE, default=native_build.RUNNABLE[0])
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual sample counts")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        program = native_build.build("timing", Path(folder), path=options.path)
        scores = {
            name: largest_t(*measure(program, name, int(count * options.scale)))
            for name, count in SAMPLES.items()
        }
    report = {f"t_{name}": round(score, 2) for name, score in scores.items()}
    print(json.dumps({**report, "limit": LIMIT, "samples": SAMPLES, "path": options.path}))
    is_quiet = scores["sign"] < LIMIT and scores["kg"] < LIMIT
    return 0 if is_quiet and scores["control"] > LIMIT else 1


def measure(program: Path, operation: str, samples: int) -> tuple[list[int], list[int]]:
    """Time an operation; gives the cycles with the fixed secret, and with random ones."""
    done = subprocess.run(
        [program, operation, str(samples)], check=True, capture_output=True, timeout=120
    )
    words = array("Q", done.stdout)
    classes: tuple[list[int], list[int]] = ([], [])
    for index in range(0, len(words), 2):
        classes[words[index]].append(words[index + 1])
    return classes


def largest_t(fixed: list[int], random: list[int]) -> float:
    """Give the largest |t| over all crops; both classes are cropped at the same time.

    A crop that leaves nothing of a class is passed over: then the whole tells enough.
    """
    ordered = sorted(fixed + random)
    scores = []
    for share in CROPS:
        limit = ordered[int(len(ordered) * share) - 1]
        kept = [[cycles for cycles in times if cycles <= limit] for times in (fixed, random)]
        if all(len(times) > 1 for times in kept):
            scores.append(abs(welch_t(*kept)))
    return max(scores)


def welch_t(a: list[int], b: list[int]) -> float:
    """Welch's t of two samples: the difference of their means in standard errors."""
    mean_a, mean_b = sum(a) / len(a), sum(b) / len(b)
    error_a = sum((x - mean_a) ** 2 for x in a) / (len(a) - 1) / len(a)
    error_b = sum((x - mean_b) ** 2 for x in b) / (len(b) - 1) / len(b)
    return (mean_a - mean_b) / math.sqrt(error_a + error_b)


if __name__ == "__main__":
    sys.exit(main())
