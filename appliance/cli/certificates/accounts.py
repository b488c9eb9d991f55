"""`shiyin accounts`: who may use the application and admin interface, and their tokens.

The first administrator of a box is opened over the manager's own socket, by the box's own user.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

from appliance import errors
from appliance.cli.certificates.api_client import Api, Facts, api_options, opened_api
from appliance.cli.context import Context, Exit, tell
from appliance.cli.tables import render_table
from appliance.errors import Fault, Malformed, NotFound, Unavailable
from appliance.services.registration.accounts import Role
from appliance.services.registration.messages import Declined, FirstOpened, OpenFirst
from appliance.store.files import write_durably
from appliance.wire.ipc import ask

ROLE = "administrator"
_ID = re.compile(r"[0-9a-f]{32}")
_ALL = 1 << 20
_COLUMNS = {
    "name": "name 名称",
    "role": "role 角色",
    "state": "state 状态",
    "created": "opened 开户时间",
    "id": "id 编号",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")

    def part(name: str, sentence: str) -> argparse.ArgumentParser:
        return parts.add_parser(name, help=sentence, parents=[api_options()])

    listed = part("list", "list accounts / 列出账户")
    listed.add_argument("--role", choices=[each.value for each in Role])
    opened = part("open", "open an account; its token is told this once / 开户")
    opened.add_argument("name")
    opened.add_argument("--role", choices=[each.value for each in Role], required=True)
    opened.add_argument(
        "--first",
        action="store_true",
        help="the first administrator, by the box's own user, without a token / 首个管理员",
    )
    _add_out(opened)
    for name, sentence in (
        ("suspend", "lock an account for a time / 停用"),
        ("restore", "unlock an account / 恢复"),
        ("close", "shut an account for ever / 销户"),
    ):
        part(name, sentence).add_argument("name", help="its name or id")
    token = part("token", "give an account a new token; the old one ends / 更换令牌")
    token.add_argument("name", help="its name or id")
    _add_out(token)


def _add_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the token here, for its owner alone"
    )


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    if chosen.part == "open" and chosen.first:
        return _open_first(context, chosen)
    with opened_api(context, chosen, ROLE) as api:
        return perform(api, context, chosen)


def perform(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part over an interface that is at hand."""
    return _PARTS[chosen.part](api, context, chosen)


def _list(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    rows = api.rows("/v1/accounts", {"role": chosen.role}, _ALL)
    if context.is_json:
        context.show({"accounts": rows})
    else:
        print("\n".join(render_table(_COLUMNS, rows)))
    return Exit.OK


def _open(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    told = api.post("/v1/accounts", {"name": chosen.name, "role": chosen.role})
    return _give(context, told["account"], told["token"], chosen.out)


def _step(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Suspend, restore or close."""
    context.show(api.post(f"/v1/accounts/{_id(api, chosen.name)}/{chosen.part}"))
    return Exit.OK


def _token(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    told = api.post(f"/v1/accounts/{_id(api, chosen.name)}/token")
    return _give(context, told["account"], told["token"], chosen.out)


def _id(api: Api, name: str) -> str:
    """Find an account by its id or its name.  Raises NotFound."""
    if _ID.fullmatch(name):
        return name
    for row in api.rows("/v1/accounts", {}, _ALL):
        if row["name"] == name:
            return str(row["id"])
    raise NotFound(f"there is no account {name}")


def _give(context: Context, account: Facts, token: str, out: Path | None) -> Exit:
    """Hand a token over: into a file, or on standard output."""
    if out is None:
        context.show({**account, "token": token})
        if not context.is_json:
            tell("the token is shown this once / 令牌仅显示一次")
    else:
        write_durably(out, f"{token}\n".encode(), mode=0o600)
        context.show({**account, "token_file": out})
    return Exit.OK


def _open_first(context: Context, chosen: argparse.Namespace) -> Exit:
    """Open the first administrator.  Raises Conflict when there is one, PermissionError."""
    if chosen.role != Role.ADMINISTRATOR:
        raise Malformed("the first account of a box is an administrator's")
    path = context.state / "run" / "manage.sock"
    try:
        answer = ask(
            path,
            OpenFirst(chosen.name),
            cast("type[FirstOpened | Declined]", FirstOpened | Declined),
        )
    except PermissionError:
        raise
    except OSError as error:
        raise Unavailable(f"the manager does not answer on {path}: {error}") from error
    if isinstance(answer, Declined):
        raise getattr(errors, answer.kind, Fault)(answer.detail)
    account = {"id": answer.id, "name": chosen.name, "role": chosen.role}
    return _give(context, account, answer.token, chosen.out)


_PARTS: dict[str, Callable[[Api, Context, argparse.Namespace], Exit]] = {
    "list": _list,
    "open": _open,
    "suspend": _step,
    "restore": _step,
    "close": _step,
    "token": _token,
}
