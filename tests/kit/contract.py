"""An interface held to its own OpenAPI document by schemathesis, in a process of its own.

Its calls are drawn the same each time; every answer must be of a status, a media type and a schema
that the document has, and what the document forbids must be refused.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GUARD_S = 300.0
_CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
)
_CONFIG = Path(__file__).with_name("contract.toml")
_TAIL = 12_000


def breaches(
    base: str,
    token: str,
    *,
    examples: int,
    roots: Path | None = None,
    without: Sequence[str] = (),
    document: str = "/v1/openapi.json",
) -> str:
    """Call every operation but those named in `without`; gives what was found, "" for nothing.

    `examples` bounds the calls drawn for one operation, beside those that its limits suggest.
    """
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG)),
        *("run", f"{base}{document}"),
        *("--header", f"Authorization: Bearer {token}"),
        *("--checks", ",".join(_CHECKS)),
        *("--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(examples)),
        *("--generation-deterministic", "--request-timeout", "30", "--workers", "1"),
        *("--no-color", "--warnings", "off"),
        *(("--tls-verify", str(roots)) if roots else ()),
        *(word for name in without for word in ("--exclude-operation-id", name)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD_S, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-_TAIL:]
