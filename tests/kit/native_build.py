"""The C core built into programs, with exactly the compiler and flags of the extension."""

from __future__ import annotations

import ast
import functools
import shlex
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "appliance" / "crypto" / "native"
HARNESS = ROOT / "tests" / "crypto" / "native_harness"
PYTHON_GLUE = frozenset({"module.c", "key_object.c"})

VARIANTS = {"intrinsics": (), "portable": ("-DSHIYIN_PORTABLE",)}
"""The two ways through word.h; on other machines than x86-64 both are the portable one."""


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


def build(
    program: str,
    into: Path,
    *,
    variant: str = "intrinsics",
    extra: Sequence[str] = (),
    without: frozenset[str] = frozenset(),
) -> Path:
    """Compile HARNESS/`program`.c with the sources of the core into a program; gives its path."""
    sources = sorted(NATIVE.glob("*.c"))
    kept = [source for source in sources if source.name not in PYTHON_GLUE | without]
    target = into / f"{program}-{variant}"
    flags = [*VARIANTS[variant], *extra, f"-I{NATIVE}"]
    command = [*compiler(), *flags, str(HARNESS / f"{program}.c"), *map(str, kept)]
    subprocess.run([*command, "-o", str(target)], check=True, timeout=120)
    return target
