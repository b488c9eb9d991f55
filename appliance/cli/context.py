"""What every verb needs: where the box is, how to print, and which exit code says what."""

from __future__ import annotations

import argparse
import enum
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import attrs
import msgspec

from appliance.asn1 import pem
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.errors import Malformed, NotFound, Unavailable

_CHECKOUT_STATE = Path(__file__).parents[2] / "state"
_PRODUCTION_STATE = Path("/var/lib/shiyin")


class Exit(enum.IntEnum):
    """Exit codes of `shiyin`."""

    OK = 0
    REFUSED = 1  # refused, invalid or not to be relied upon
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4


class Ready(msgspec.Struct, frozen=True):
    """What ready.json says of a running box; keys this command does not use are passed over."""

    tsp_http: str
    ca_cert: str
    tsa_certs: dict[str, str]
    pids: dict[str, list[int]]
    api: str = ""
    demo_credentials: str | None = None


@attrs.frozen
class Context:
    """The state folder of the box, and whether a program or a person reads."""

    state: Path
    is_json: bool

    def ready(self) -> Ready:
        """Read ready.json.  Raises Unavailable while no box runs on this state folder."""
        path = self.state / "run" / "ready.json"
        try:
            return msgspec.json.decode(path.read_bytes(), type=Ready)
        except FileNotFoundError:
            raise Unavailable(
                f"no box is running on {self.state}: start one, or name its folder with --state"
            ) from None
        except msgspec.DecodeError as error:
            raise Malformed(f"{path}: {error}") from error

    def show(self, facts: Mapping[str, object]) -> None:
        """Print facts: one JSON object for programs, aligned lines for people."""
        if self.is_json:
            print(json.dumps(facts, ensure_ascii=False, default=str))
        else:
            _show_lines(facts, "")


def _show_lines(facts: Mapping[str, object], indent: str) -> None:
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        label = f"{indent}{name.replace('_', ' '):<{width}}"
        if isinstance(value, Mapping):
            print(label.rstrip())
            _show_lines(value, indent + "  ")
        elif value is not None and value != []:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            print(f"{label}  {text}")


def common_options() -> argparse.ArgumentParser:
    """Describe what every verb takes, before or after its own name."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--state", type=Path, metavar="DIR", default=argparse.SUPPRESS)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    return common


def default_state() -> Path:
    """Find the state folder: SHIYIN_STATE, a demo's in this checkout, or production's."""
    named = os.environ.get("SHIYIN_STATE")
    if named:
        return Path(named)
    return _CHECKOUT_STATE if _CHECKOUT_STATE.is_dir() else _PRODUCTION_STATE


def tell(line: str) -> None:
    """Say something to a person without disturbing standard output."""
    print(line, file=sys.stderr)


def read_file(path: Path, limit: int) -> bytes:
    """Read a whole file of at most `limit` octets.  Raises NotFound, Malformed."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}") from None
    except IsADirectoryError:
        raise Malformed(f"{path} is a folder") from None
    if len(content) > limit:
        raise Malformed(f"{path} is larger than {limit} octets")
    return content


def read_certificates(path: Path) -> list[Certificate]:
    """Read the certificates of a PEM file.  Raises NotFound, Malformed."""
    blocks = pem.read_all(read_file(path, 1 << 20), "CERTIFICATE")
    if not blocks:
        raise Malformed(f"{path} holds no PEM certificate")
    return [decode_certificate(block) for block in blocks]
