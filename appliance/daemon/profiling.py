"""A profile of a role's main thread, when SHIYIN_PROFILE names a folder to leave it in."""

from __future__ import annotations

import cProfile
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path


def run_profiled(environment: Mapping[str, str], run: Callable[[], object]) -> None:
    """Run, and leave `ROLE-PID.prof` (pstats) in the folder if one is named."""
    folder = environment.get("SHIYIN_PROFILE")
    if not folder:
        run()
        return
    profile = cProfile.Profile()
    try:
        profile.runcall(run)
    finally:
        profile.dump_stats(Path(folder) / f"{sys.argv[-1]}-{os.getpid()}.prof")
