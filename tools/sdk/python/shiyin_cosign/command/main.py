"""The command line of the phone.

Exit codes: 0 done, 1 refused or failed in part, 2 wrong use, 3 the box is not reached, 4 not
allowed (PIN, device, activation).
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from shiyin_cosign.arithmetic.choice import backend
from shiyin_cosign.codes import Code
from shiyin_cosign.command import acts
from shiyin_cosign.command.desk import Desk
from shiyin_cosign.command.words import LANGUAGES, language, say
from shiyin_cosign.errors import CosignError, Rejected, Unreachable, Untrusted

REFUSED, USAGE, UNREACHABLE, NOT_ALLOWED = 1, 2, 3, 4
_NOT_ALLOWED = frozenset(
    {
        Code.CREDENTIAL_REJECTED,
        Code.PIN_WRONG,
        Code.DEVICE_LOCKED,
        Code.DEVICE_REVOKED,
        Code.ACTIVATION_REJECTED,
        Code.NEEDS_REACTIVATION,
    }
)


def make_parser() -> argparse.ArgumentParser:
    """Make the command line."""
    parser = argparse.ArgumentParser(prog="phone", description="A phone for co-signing (协同签名).")
    commands = parser.add_subparsers(dest="command", required=True)
    common = _common_options()
    enrol = commands.add_parser("enrol", parents=[common], help="enrol under an activation code")
    how = enrol.add_mutually_exclusive_group(required=True)
    how.add_argument("--code", help="the activation code, as printed")
    how.add_argument("--qr", help="the text of the QR")
    enrol.add_argument("--root", type=bytes.fromhex, help="SM3 of the root, where no QR tells it")
    enrol.add_argument("--label", default=socket.gethostname()[:64], help="a name for this phone")
    listing = commands.add_parser("list", parents=[common], help="list what waits")
    listing.add_argument("--wait", type=int, default=0, help="seconds to wait for something")
    show = commands.add_parser("show", parents=[common], help="show an item whole")
    show.add_argument("item")
    sign = commands.add_parser("sign", parents=[common], help="sign items under one PIN entry")
    sign.add_argument("items", nargs="*", metavar="ITEM")
    sign.add_argument("--all", action="store_true", help="all that waits")
    reject = commands.add_parser("reject", parents=[common], help="decline an item")
    reject.add_argument("item")
    reject.add_argument("--reason", default="", help="why, for who asked")
    pin = commands.add_parser("pin", parents=[common], help="change the PIN")
    pin.add_argument("--new-pin-file", type=Path, help="a file that holds the new PIN")
    commands.add_parser("refresh", parents=[common], help="change the shares, not the key")
    commands.add_parser("revoke", parents=[common], help="revoke this device, erase its store")
    certificate = commands.add_parser("certificate", parents=[common], help="fetch and check it")
    certificate.add_argument("--out", type=Path, help="write the chain there, as PEM")
    commands.add_parser("status", parents=[common], help="tell what this phone is")
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    add("--store", type=Path, default=Path.home() / ".shiyin" / "phone", help="the phone's store")
    add("--device-url", help="https://... of the box's port for phones")
    add("--tcp", metavar="HOST:PORT", help="speak DER over TLS with this port")
    add("--over-tcp", action="store_true", help="the same with the port that READY.json tells")
    add("--ca", type=Path, help="PEM of the authority of the box's TLS certificate")
    add("--ready", type=Path, help="READY.json of a box on this machine tells all of these")
    add("--pin-file", type=Path, help="a file that holds the PIN; else SHIYIN_PIN, else asked for")
    add("--json", action="store_true", help="print one JSON object")
    add("--language", choices=LANGUAGES, help="else that of LANG")
    return common


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    options = make_parser().parse_args(arguments)
    desk = Desk(options, language(options.language))
    try:
        if not backend().is_constant_time:
            desk.note(say(desk.tongue, "slow"))
        return acts.ACTS[options.command](desk)
    except (CosignError, OSError) as error:
        return _report(desk, error)
    except (KeyboardInterrupt, EOFError):
        return REFUSED


def _report(desk: Desk, error: CosignError | OSError) -> int:
    """Say what went wrong and what to do; gives the exit code."""
    text, status = str(error), USAGE
    facts: dict[str, object] = {"error": text}
    if isinstance(error, Rejected):
        text, status = acts.explain(desk.tongue, error), _status_of(error.code)
        facts = {"error": text, "code": error.code.value}
        facts |= {"tries_left": error.tries_left} if error.tries_left is not None else {}
    elif isinstance(error, Unreachable):
        text, status = f"{say(desk.tongue, 'unreachable')} ({error})", UNREACHABLE
    elif isinstance(error, Untrusted):
        text, status = f"{say(desk.tongue, 'untrusted')} {error}", REFUSED
    if desk.options.json:
        print(json.dumps(facts, ensure_ascii=False))
    desk.note(f"phone: {text}")
    return status


def _status_of(code: Code) -> int:
    if code in _NOT_ALLOWED:
        return NOT_ALLOWED
    return UNREACHABLE if code is Code.UNAVAILABLE else REFUSED


if __name__ == "__main__":
    sys.exit(main())
