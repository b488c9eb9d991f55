"""`bench renewal`: how long one job takes to renew hundreds of certificates, by the box itself.

The job is asked for over the interface, as an operator does it, on a box of its own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from kit.api import Api, make_csr
from kit.polling import wait_until

from appliance.crypto.api import KeyAlgorithm
from benches.box import running_box
from benches.figures import Report, note
from benches.processes import Pids, cpu_s_by_role
from benches.references import machine

ASKED_S = 10.0
_GUARD_S = 300.0
_DONE = ("done", "failed", "cancelled")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this bench."""
    parser.add_argument("--certificates", type=int, default=600, help="in the job")
    algorithms = [each.value for each in KeyAlgorithm]
    parser.add_argument("--algorithm", choices=algorithms, default="sm2", help="of the authority")


def run(chosen: argparse.Namespace) -> Report:
    """Measure one job: seconds from its row to its end, and of a CPU in manager and signer."""
    with tempfile.TemporaryDirectory(prefix="shiyin-bench-") as folder:
        state = Path(folder)
        with running_box(state):
            facts = json.loads((state / "run" / "ready.json").read_bytes())
            with closing(Api.of(facts, "operator")) as api:
                return _measure(api, facts["pids"], chosen)


def _measure(api: Api, pids: Pids, chosen: argparse.Namespace) -> Report:
    count = chosen.certificates
    note(f"issuing {count} certificates, one call each")
    began = time.perf_counter()
    olds = [_issue(api, KeyAlgorithm(chosen.algorithm), number) for number in range(count)]
    issuing_s = time.perf_counter() - began
    note("renewing them in one job")
    before = cpu_s_by_role(pids)
    job = api.post("/v1/jobs/renewals", {"certificates": olds})
    done = wait_until(lambda: _ended(api, job["id"]), guard_s=_GUARD_S, what="the job")
    after = cpu_s_by_role(pids)
    took_s = (_instant(done["updated"]) - _instant(done["created"])).total_seconds()
    return {
        "bench": "renewal",
        "algorithm": chosen.algorithm,
        "certificates": count,
        "job_s": round(took_s, 3),
        "asked_s": ASKED_S,
        "share_of_asked": round(took_s / ASKED_S, 3),
        "per_s": round(done["done"] / took_s),
        "cpu_s": {role: round(after[role] - before[role], 2) for role in after},
        "issued_one_by_one_per_s": round(count / issuing_s),
        "lost": count - done["done"],
        "machine": machine(),
    }


def _issue(api: Api, algorithm: KeyAlgorithm, number: int) -> str:
    fields = {"name": f"Staff {number}", "organization": "Bench"}
    wish = {
        "authority": f"issuing-{algorithm.value}",
        "template": "person",
        "owner_uid": f"staff-{number}",
        "fields": fields,
        "csr": make_csr(algorithm),
    }
    return str(api.post("/v1/requests", wish)["certificate_id"])


def _ended(api: Api, job: str) -> dict[str, Any] | None:
    shown: dict[str, Any] = api.get(f"/v1/jobs/{job}")
    return shown if shown["state"] in _DONE else None


def _instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
