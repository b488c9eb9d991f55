"""`shiyin activations`: codes under which phones are enrolled, each told once, on a sheet."""

from __future__ import annotations

import argparse
from pathlib import Path

from appliance.cli.certificates.api_client import Api, Facts, opened_api
from appliance.cli.context import Context, Exit, tell
from appliance.cli.phones.listing import (
    Part,
    add_id,
    add_listing,
    parts_of,
    show,
    show_rows,
    step,
)
from appliance.cosign.registry_states import ActivationState
from appliance.store.files import write_durably

ROLE = "operator"
_PATH = "/v1/activations"
_COLUMNS = {
    "id": "id 编号",
    "uid": "user 工号",
    "state": "state 状态",
    "template": "template 模板",
    "device": "phone 手机",
    "expires": "until 有效期至",
    "created_by": "by 经办",
}
_SHEET = """\
    手机激活单  Activation of a phone

    姓名 name      {name}
    工号 number    {uid}
    部门 unit      {department}

    激活码 code    {code}

    有效期至 until {expires}

    二维码内容 text of the QR code:
    {qr}

    此码只显示一次，只能使用一次，请勿转交他人；错误五次即作废。
    This code is shown once and works once; hand it to nobody. Five wrong tries end it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    part = parts_of(parser)
    issue = part("issue", "give out a code for a user's phone / 发放激活码")
    issue.add_argument("uid", help="the staff number / 工号")
    issue.add_argument("--authority", default="issuing-sm2", help="签发机构")
    issue.add_argument("--template", default="device", help="模板")
    issue.add_argument("--usage", choices=("sign", "encrypt"), default="sign", help="用途")
    issue.add_argument(
        "--out", type=Path, metavar="FILE", help="write the sheet here, for its owner alone"
    )
    listed = part("list", "list activations / 列出激活")
    listed.add_argument("--uid", help="of this user / 工号")
    add_listing(listed, ActivationState)
    add_id(part("show", "show an activation, without its code / 查看激活"), "as a list shows it")
    add_id(part("cancel", "let a code be worth nothing / 作废激活码"), "as a list shows it")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    with opened_api(context, chosen, ROLE) as api:
        return perform(api, context, chosen)


def perform(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part over an interface that is at hand."""
    return _PARTS[chosen.part](api, context, chosen)


def _issue(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    body = {name: getattr(chosen, name) for name in ("uid", "authority", "template", "usage")}
    told = api.post(_PATH, body)
    activation = told["activation"]
    sheet = _SHEET.format(**_shown({**_user(api, chosen.uid), **activation, **told}))
    if chosen.out is not None:
        write_durably(chosen.out, sheet.encode(), mode=0o600)
        context.show({**activation, "sheet": chosen.out})
    elif context.is_json:
        context.show({**activation, "code": told["code"], "qr": told["qr"]})
    else:
        print(sheet, end="")
        tell("the code is shown this once / 激活码仅显示一次")
    return Exit.OK


def _user(api: Api, uid: str) -> Facts:
    return api.get(f"/v1/users/{uid}")


def _shown(facts: Facts) -> dict[str, str]:
    """Keep of each text what does not disturb a sheet."""
    return {
        name: "".join(each for each in value if each.isprintable())
        for name, value in facts.items()
        if isinstance(value, str)
    }


def _list(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    query = {"uid": chosen.uid, "state": chosen.only}
    show_rows(context, "activations", _COLUMNS, api.rows(_PATH, query, chosen.limit))
    return Exit.OK


_PARTS: dict[str, Part] = {
    "issue": _issue,
    "list": _list,
    "show": show(_PATH),
    "cancel": step(_PATH),
}
