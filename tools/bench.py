"""`./tools/bench NAME`: run one bench and print its report, one JSON object, on standard output."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from benches import ct, profile, startup, tsp

from appliance.errors import ApplianceError

BENCHES = {
    "tsp": (tsp, "timestamps a second, latency, and CPU per token of every role"),
    "startup": (startup, "seconds to be ready, and memory of every role"),
    "ct": (ct, "whether secrets show in the time that native code takes"),
    "profile": (profile, "what each role does with its time under load"),
}


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    benches = parser.add_subparsers(dest="bench", required=True)
    for name, (module, purpose) in BENCHES.items():
        module.add_options(benches.add_parser(name, help=purpose, description=purpose))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run a bench.  The exit code is 1 when it found faults, 3 when it could not measure."""
    chosen = parse_arguments(arguments)
    try:
        report = BENCHES[chosen.bench][0].run(chosen)
    except (ApplianceError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    print(json.dumps(report, indent=2))
    return 1 if report.get("faults") or report.get("lost") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
