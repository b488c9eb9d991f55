"""`shiyin`: one command for the operator, a verb a module."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence

from appliance.cli import audit, inspect, stamp, status, verify
from appliance.cli.certificates import accounts, ca, certs
from appliance.cli.clock import time
from appliance.cli.context import Context, Exit, common_options, default_state
from appliance.cli.phones import activations, devices, tasks, users
from appliance.errors import ApplianceError, Malformed, NotFound, Unauthenticated, Unavailable

Run = Callable[[Context, argparse.Namespace], Exit]
AddArguments = Callable[[argparse.ArgumentParser], None]

VERBS: dict[str, tuple[str, AddArguments, Run]] = {
    "stamp": ("timestamp a file / 为文件加盖时间戳", stamp.add_arguments, stamp.run),
    "verify": ("verify a timestamp / 验证时间戳", verify.add_arguments, verify.run),
    "inspect": ("show what a token says / 查看时间戳内容", inspect.add_arguments, inspect.run),
    "status": ("show the state of the box / 查看系统状态", status.add_arguments, status.run),
    "keys": ("show the signing keys / 查看签名密钥", status.add_arguments, status.run_keys),
    "time": ("show the clock and its sources / 查看时钟与时间源", time.add_arguments, time.run),
    "ca": ("authorities, lists, ceremonies / 证书签发机构", ca.add_arguments, ca.run),
    "certs": ("certificates, renewals, batches / 证书", certs.add_arguments, certs.run),
    "accounts": ("who may use the interface / 账户", accounts.add_arguments, accounts.run),
    "users": ("those who sign / 用户", users.add_arguments, users.run),
    "activations": (
        "codes to enrol phones / 激活码",
        activations.add_arguments,
        activations.run,
    ),
    "devices": ("phones that hold a share / 手机", devices.add_arguments, devices.run),
    "tasks": ("what is to be signed on phones / 签名任务", tasks.add_arguments, tasks.run),
    "audit": ("prove the ledger, rebuild a token / 审计", audit.add_arguments, audit.run),
}

_EXITS: tuple[tuple[type[Exception], Exit], ...] = (
    (Malformed, Exit.USAGE),
    (NotFound, Exit.USAGE),
    (Unavailable, Exit.UNREACHABLE),
    (Unauthenticated, Exit.NOT_ALLOWED),
    (PermissionError, Exit.NOT_ALLOWED),
    (ApplianceError, Exit.REFUSED),
    (OSError, Exit.REFUSED),
)
"""The first kind that fits an error says how the command ends."""


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    common = common_options()
    parser = argparse.ArgumentParser(
        prog="shiyin",
        parents=[common],
        description="Operate a Shiyin box. 时印操作命令。",
        epilog="Exit codes: 0 ok, 1 refused or invalid, 2 usage, 3 unreachable, 4 not allowed.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (sentence, add_arguments, _) in VERBS.items():
        add_arguments(verbs.add_parser(name, help=sentence, parents=[common]))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the entry point of `shiyin`."""
    chosen = make_parser().parse_args(arguments)
    context = Context(getattr(chosen, "state", None) or default_state(), hasattr(chosen, "json"))
    try:
        exit_code = VERBS[chosen.verb][2](context, chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has heard enough; the interpreter must not flush again at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except (ApplianceError, OSError) as error:
        return _fail(context, error)
    return exit_code


def _fail(context: Context, error: Exception) -> int:
    exit_code = next(code for kind, code in _EXITS if isinstance(error, kind))
    if context.is_json:
        print(json.dumps({"error": str(error), "kind": type(error).__name__}, ensure_ascii=False))
    else:
        print(f"shiyin: {error}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
