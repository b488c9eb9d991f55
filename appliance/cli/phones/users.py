"""`shiyin users`: those who sign, by their staff numbers."""

from __future__ import annotations

import argparse

from appliance.cli.certificates.api_client import Api, opened_api
from appliance.cli.context import Context, Exit
from appliance.cli.phones.listing import (
    Part,
    add_id,
    add_listing,
    parts_of,
    show,
    show_rows,
    step,
)
from appliance.cosign.registry_states import UserState
from appliance.errors import Malformed

ROLE = "operator"
_PATH = "/v1/users"
_COLUMNS = {
    "uid": "number 工号",
    "name": "name 姓名",
    "department": "department 部门",
    "state": "state 状态",
    "created": "since 登记时间",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    part = parts_of(parser)
    listed = part("list", "list users / 列出用户")
    listed.add_argument("--department", help="of this department / 部门")
    add_listing(listed, UserState)
    add_id(part("show", "show a user / 查看用户"), "the staff number / 工号")
    for name, sentence in (
        ("add", "take a user in / 登记用户"),
        ("change", "note what is known of a user now / 修改用户"),
    ):
        described = part(name, sentence)
        add_id(described, "the staff number, which is never changed / 工号")
        described.add_argument("--name", required=True, help="姓名")
        described.add_argument("--department", default="", help="部门")
        described.add_argument(
            "--field",
            action="append",
            default=[],
            metavar="NAME=TEXT",
            help="fills certificate templates, as organization=... / 证书字段",
        )
    for name, sentence in (
        ("suspend", "let a user sign nothing new for a time / 停用"),
        ("restore", "let a user sign again / 恢复"),
        ("close", "note that a user has left / 注销"),
    ):
        add_id(part(name, sentence), "the staff number / 工号")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    with opened_api(context, chosen, ROLE) as api:
        return perform(api, context, chosen)


def perform(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part over an interface that is at hand."""
    return _PARTS[chosen.part](api, context, chosen)


def _list(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    query = {"department": chosen.department, "state": chosen.only}
    show_rows(context, "users", _COLUMNS, api.rows(_PATH, query, chosen.limit))
    return Exit.OK


def _write(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Add or change."""
    body: dict[str, object] = {
        "name": chosen.name,
        "department": chosen.department,
        "fields": dict(map(_pair, chosen.field)),
    }
    if chosen.part == "add":
        context.show(api.post(_PATH, {"uid": chosen.id, **body}))
    else:
        context.show(api.post(f"{_PATH}/{chosen.id}/change", body))
    return Exit.OK


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Malformed(f"{text}: a field is NAME=TEXT")
    return name, value


_PARTS: dict[str, Part] = {
    "list": _list,
    "show": show(_PATH),
    "add": _write,
    "change": _write,
    "suspend": step(_PATH),
    "restore": step(_PATH),
    "close": step(_PATH),
}
