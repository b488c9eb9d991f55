"""Shows what a gpsd sees of its receiver, read with gpsd-py3: a reader that is not ours.

gpsd-py3 polls over one blocking socket; until the daemon has a fix to tell it raises, so each look
is tried again.  Exit status 1: no gpsd there, or no fix in time.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections.abc import Mapping

import gpsd

TRY_EVERY_S = 0.5
Fix = Mapping[str, object]


def main() -> int:
    """Print so many fixes."""
    options = arguments()
    host, _, port = options.daemon.partition(":")
    socket.setdefaulttimeout(options.timeout)
    try:
        gpsd.connect(host, int(port or 2947))
        for _ in range(options.count):
            show(wait_for_fix(options.timeout), as_json=options.json)
    except (OSError, ValueError) as error:
        print(f"gnss_probe: {error}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="show what gpsd sees, read with gpsd-py3")
    parser.add_argument("daemon", nargs="?", default="127.0.0.1:2947", help="HOST[:PORT]")
    parser.add_argument("--json", action="store_true", help="one JSON object a fix")
    parser.add_argument("--count", type=int, default=1, help="how many fixes to show")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for a fix")
    return parser.parse_args()


def wait_for_fix(timeout_s: float) -> Fix:
    """Poll until there is a fix.  Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        fix = look()
        if fix is not None:
            return fix
        time.sleep(TRY_EVERY_S)
    raise TimeoutError(f"no fix in {timeout_s:g} s")


def look() -> Fix | None:
    """Poll once; None while there is no fix."""
    try:
        packet = gpsd.get_current()
    except (UserWarning, IndexError, KeyError):
        return None
    if packet.mode < 2:
        return None
    return {
        "mode": packet.mode,
        "time": packet.time,
        "latitude_deg": packet.lat,
        "longitude_deg": packet.lon,
        "satellites": packet.sats,
        "satellites_used": packet.sats_valid,
        "time_error_s": packet.error.get("t"),
    }


def show(fix: Fix, *, as_json: bool) -> None:
    """Print a fix."""
    if as_json:
        print(json.dumps(fix), flush=True)
    else:
        print("  ".join(f"{name} {value}" for name, value in fix.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
