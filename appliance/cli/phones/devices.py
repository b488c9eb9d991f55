"""`shiyin devices`: phones that hold a share."""

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
from appliance.cosign.registry_states import DeviceState

ROLE = "operator"
_PATH = "/v1/devices"
_COLUMNS = {
    "id": "id 编号",
    "uid": "user 工号",
    "label": "phone 手机",
    "state": "state 状态",
    "certificate_id": "certificate 证书",
    "created": "since 激活时间",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    part = parts_of(parser)
    listed = part("list", "list phones / 列出手机")
    listed.add_argument("--uid", help="of this user / 工号")
    add_listing(listed, DeviceState)
    for name, sentence in (
        ("show", "show a phone / 查看手机"),
        ("revoke", "destroy its share, and revoke its certificate / 吊销"),
        ("suspend", "let it answer nothing for a time / 停用"),
        ("restore", "let it sign again / 恢复"),
    ):
        add_id(part(name, sentence), "the phone, as a list shows it")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    with opened_api(context, chosen, ROLE) as api:
        return perform(api, context, chosen)


def perform(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part over an interface that is at hand."""
    return _PARTS[chosen.part](api, context, chosen)


def _list(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    query = {"uid": chosen.uid, "state": chosen.only}
    show_rows(context, "devices", _COLUMNS, api.rows(_PATH, query, chosen.limit))
    return Exit.OK


_PARTS: dict[str, Part] = {
    "list": _list,
    "show": show(_PATH),
    "revoke": step(_PATH),
    "suspend": step(_PATH),
    "restore": step(_PATH),
}
