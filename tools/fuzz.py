"""`./tools/fuzz TARGET`: feed a parser with changed inputs until one breaks its promise.

Begins with the saved corpus and what earlier runs found in build/fuzz; ends with 77 at a crash,
whose input stands in build/fuzz then.  `--keep` adds to the saved corpus, smallest first, what
earlier runs found and what reaches lines that the saved inputs do not.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from kit.fuzzing import (  # noqa: E402  (the tests are found by the line above)
    MAX_CORPUS_OCTETS,
    MAX_FILES,
    OneInput,
    corpus_folder,
    load_target,
    saved_inputs,
    target_names,
)

Arc = tuple[str, tuple[int, int]]

PRODUCT = ("appliance", "drivers")
INPUT_LIMIT_OCTETS = 4500
INPUT_TIMEOUT_S = 10
MEMORY_LIMIT_MB = 1024


def make_parser() -> argparse.ArgumentParser:
    """Make the command line."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=target_names())
    parser.add_argument("--list", action="store_true", help="name the targets")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default 60)")
    parser.add_argument("--found", type=Path, help="folder of inputs found and crashes")
    parser.add_argument("--keep", action="store_true", help="keep what was found, do not fuzz")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Fuzz, or keep what was found."""
    parser = make_parser()
    chosen = parser.parse_args(arguments)
    if chosen.list:
        print("\n".join(target_names()))
        return 0
    if chosen.target is None:
        parser.error("name a target, or --list")
    found = chosen.found or ROOT / "build" / "fuzz" / chosen.target
    found.mkdir(parents=True, exist_ok=True)
    if chosen.keep:
        keep(chosen.target, found)
    else:
        fuzz(chosen.target, found, chosen.seconds)
    return 0


def fuzz(name: str, found: Path, seconds: int) -> None:
    """Run libFuzzer in this process, which it ends by itself."""
    with atheris.instrument_imports(include=list(PRODUCT)):
        one_input = load_target(name)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={INPUT_LIMIT_OCTETS}",
        f"-timeout={INPUT_TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_LIMIT_MB}",
        f"-artifact_prefix={found.parent}/{name}-",
        "-len_control=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(found), str(corpus_folder(name))], one_input)
    atheris.Fuzz()


def keep(name: str, found: Path) -> None:
    """Add to the saved corpus what reaches more of the product, within the corpus's bounds."""
    one_input = load_target(name)
    saved = saved_inputs(name)
    reached = set[Arc]().union(*(arcs(one_input, path.read_bytes()) for path in saved))
    room = MAX_CORPUS_OCTETS - sum(path.stat().st_size for path in saved)
    places = MAX_FILES - len(saved)
    candidates = sorted(found.iterdir(), key=lambda path: (path.stat().st_size, path.name))
    for path in candidates:
        data = path.read_bytes()
        new = arcs(one_input, data) - reached
        if new and places and len(data) <= room:
            kept = corpus_folder(name) / f"found-{hashlib.sha256(data).hexdigest()[:12]}"
            kept.write_bytes(data)
            print(f"{kept.relative_to(ROOT)}: {len(new)} new steps")
            reached |= new
            places -= 1
            room -= len(data)


def arcs(one_input: OneInput, data: bytes) -> set[Arc]:
    """Tell which steps from line to line of the product an input takes."""
    import coverage  # noqa: PLC0415  (only here: it would slow a fuzzer down)

    source = [str(ROOT / package) for package in PRODUCT]
    watch = coverage.Coverage(data_file=None, branch=True, source=source)
    watch.start()
    try:
        one_input(data)
    finally:
        watch.stop()
    measured = watch.get_data()
    return {(file, arc) for file in measured.measured_files() for arc in measured.arcs(file) or ()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
