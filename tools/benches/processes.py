"""What the box's processes cost, by role, from procfs (proc(5))."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

Pids = Mapping[str, Sequence[int]]
"""Process ids by role, as ready.json has them."""

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_OCTETS = os.sysconf("SC_PAGE_SIZE")


def cpu_s_by_role(pids: Pids) -> dict[str, float]:
    """Give the seconds of CPU, user and system, that each role has used since it started."""
    return {role: sum(map(_cpu_s, members)) for role, members in pids.items()}


def pss_kib_by_role(pids: Pids) -> dict[str, int | None]:
    """Give the proportional set size of each role: None where only root may know it."""
    return {role: _sum_pss_kib(members) for role, members in pids.items()}


def _sum_pss_kib(pids: Sequence[int]) -> int | None:
    try:
        return sum(map(_pss_kib, pids))
    except PermissionError:  # the signer cannot be traced, so procfs hides its maps (prctl(2))
        return None


def rss_kib_by_role(pids: Pids) -> dict[str, int]:
    """Give the resident set size of each role, which anyone may know."""
    return {role: sum(map(_rss_kib, members)) for role, members in pids.items()}


def descriptors_by_role(pids: Pids) -> dict[str, int | None]:
    """Count the open descriptors of each role: None where only root may know them."""
    return {role: _sum_descriptors(members) for role, members in pids.items()}


def _sum_descriptors(pids: Sequence[int]) -> int | None:
    try:
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
    except PermissionError:
        return None


def machine_busy_s() -> float:
    """Give the seconds of CPU that anything on the machine has used since it was started."""
    return busy_ticks(Path("/proc/stat").read_text("ascii", "replace")) / _TICKS_PER_S


def busy_ticks(stat: str) -> int:
    """Read the first line of /proc/stat but for idle, iowait, and guests, who count as user."""
    user, nice, system, _, _, irq, softirq, steal, *_ = map(int, stat.split("\n", 1)[0].split()[1:])
    return user + nice + system + irq + softirq + steal


def _cpu_s(pid: int) -> float:
    return cpu_ticks(Path(f"/proc/{pid}/stat").read_text("ascii", "replace")) / _TICKS_PER_S


def cpu_ticks(stat: str) -> int:
    """Read utime + stime, all threads included, from /proc/PID/stat; the name may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _rss_kib(pid: int) -> int:
    return resident_pages(Path(f"/proc/{pid}/statm").read_text("ascii")) * _PAGE_OCTETS // 1024


def resident_pages(statm: str) -> int:
    """Read the resident pages from /proc/PID/statm."""
    return int(statm.split()[1])


def _pss_kib(pid: int) -> int:
    return pss_kib(Path(f"/proc/{pid}/smaps_rollup").read_text("ascii", "replace"))


def pss_kib(smaps_rollup: str) -> int:
    """Read Pss from /proc/PID/smaps_rollup."""
    line = next(line for line in smaps_rollup.splitlines() if line.startswith("Pss:"))
    return int(line.split()[1])
