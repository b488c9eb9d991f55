"""The C core built into programs, with exactly the compiler and flags of the extension."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "appliance" / "crypto" / "native"
HARNESS = ROOT / "tests" / "crypto" / "native_harness"
PYTHON_GLUE = frozenset({"module.c", "key_object.c", "scalar_object.c"})

PATHS = {
    "bmi2-adx": "-DSHIYIN_ADX",
    "x86-64": "-DSHIYIN_BASELINE",
    "portable": "-DSHIYIN_PORTABLE",
}
"""The ways through the arithmetic, quickest first, each with the macro its programs get."""

NEEDS = {"bmi2-adx": {"bmi2", "adx", "avx2"}, "x86-64": {"sse2"}, "portable": set()}
"""What the kernel must say of the processor, which is asked here without the core."""

_CPU = frozenset(Path("/proc/cpuinfo").read_text().split())

RUNNABLE = tuple(path for path in PATHS if NEEDS[path] <= _CPU)
"""The paths that run on this machine; all must pass what one must."""


@functools.cache
def compiler() -> tuple[str, ...]:
    """Give the compiler call of the extension: Python's own flags, then those of setup.py."""
    own = [str(sysconfig.get_config_var(name)) for name in ("CC", "CFLAGS", "CCSHARED")]
    tree = ast.parse((ROOT / "setup.py").read_text())
    (flags,) = [
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg == "extra_compile_args"
    ]
    return (*shlex.split(" ".join(own)), *flags)


def sources(path: str | None) -> set[str]:
    """Name the sources of the core that make up one path, or all of them."""
    everything = {source.name for source in NATIVE.glob("*.c")} - PYTHON_GLUE
    if path is None:
        return everything
    twice = set(re.findall(r'#include "(\w+\.c)"', (NATIVE / "adx.c").read_text()))
    return everything - {"choice.c"} - (twice if path == "bmi2-adx" else {"adx.c"})


def build(
    program: str,
    into: Path,
    *,
    path: str | None,
    extra: Sequence[str] = (),
    without: frozenset[str] = frozenset(),
) -> Path:
    """Compile HARNESS/`program`.c with one path of the core, or all of it; gives the program."""
    kept = sorted(NATIVE / name for name in sources(path) - without)
    target = into / f"{program}-{path}"
    forced = [PATHS[path]] if path is not None else []
    flags = [*forced, *extra, f"-I{NATIVE}"]
    command = [*compiler(), *flags, str(HARNESS / f"{program}.c"), *map(str, kept)]
    subprocess.run([*command, "-o", str(target)], check=True, timeout=120)
    return target
