"""`./tools/bench NAME`: run one bench, and print its report alone, as JSON, on standard output."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from benches import (
    abuse,
    alarms,
    crl,
    growth,
    ntp,
    ocsp,
    overload,
    profile,
    registry,
    renewal,
    soak,
    stages,
    startup,
    timed,
    tsp,
    verify,
)

from appliance.errors import ApplianceError

BENCHES = {
    "tsp": (tsp, "timestamps a second, latency, and CPU per token of every role"),
    "stages": (stages, "what a token costs by stage in the signer, by batch size"),
    "growth": (growth, "what a batch costs the ledger when it holds 1 to 10,000,000 rows"),
    "crl": (crl, "what a revocation list costs, in memory and with a million entries"),
    "ocsp": (ocsp, "OCSP answers signed, given again and judged a second, in process"),
    "registry": (registry, "what the registry costs: rows kept together, lists, sweeps, a job"),
    "renewal": (renewal, "how long one job takes to renew 600 certificates on a box"),
    "ntp": (ntp, "NTP requests a second at a front's port, and at chronyd's"),
    "startup": (startup, "seconds to be ready, and memory of every role"),
    "verify": (verify, "verifications a second, in process and over HTTP"),
    "abuse": (abuse, "what a good client notices while others attack"),
    "overload": (overload, "what is left of the capacity when three times as much is asked"),
    "soak": (soak, "whether memory or descriptors grow over ten minutes of work"),
    "alarms": (
        alarms,
        "false alarms of clean units, and how soon feigned satellites are found out",
    ),
    "timed": (timed, "CPU seconds of a virtual day of the clock, whole and in its domain alone"),
    "profile": (profile, "what each role does with its time under load"),
}
CONSTANT_TIME = "ct"


def make_parser() -> argparse.ArgumentParser:
    """Make the command line; `ct` reads its own options."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    benches = parser.add_subparsers(dest="bench", required=True)
    for name, (module, purpose) in BENCHES.items():
        module.add_options(benches.add_parser(name, help=purpose, description=purpose))
    benches.add_parser(
        CONSTANT_TIME,
        help="whether secrets show in the time that the native core takes",
        add_help=False,
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run a bench.  The exit code is 1 when it found faults, 3 when it could not measure."""
    parser = make_parser()
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.bench == CONSTANT_TIME:
        import bench_ct  # noqa: PLC0415  (it needs a C compiler, which the others do not)

        return bench_ct.main(rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        report = BENCHES[chosen.bench][0].run(chosen)
    except (ApplianceError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    print(json.dumps(report, indent=2))
    return 1 if report.get("faults") or report.get("lost") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
