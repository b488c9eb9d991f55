"""`shiyin tasks`: what users are to sign on their phones, and what came of it."""

from __future__ import annotations

import argparse
import base64
import hashlib
from pathlib import Path

from appliance.cli.certificates.api_client import Api, Facts, opened_api
from appliance.cli.context import Context, Exit, read_file, tell
from appliance.cli.phones.listing import (
    Part,
    add_id,
    add_listing,
    parts_of,
    show_rows,
    step,
)
from appliance.cli.tables import render_table
from appliance.cosign.registry_states import TaskState

ROLE = "operator"
_PATH = "/v1/tasks"
_RAW_OCTETS = 1 << 18
_DIGESTED_OCTETS = 1 << 30
_WAIT_S = 30
_DAY_S = 86_400
_COLUMNS = {
    "id": "id 编号",
    "uid": "user 工号",
    "state": "state 状态",
    "description": "what 事项",
    "created": "posted 提交时间",
    "expires": "until 有效期至",
}
_ITEM_COLUMNS = {
    "name": "document 文件",
    "state": "state 状态",
    "form": "form 形式",
    "device": "phone 手机",
    "certificate_id": "certificate 证书",
    "reason": "reason 原因",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    part = parts_of(parser)
    listed = part("list", "list tasks / 列出任务")
    listed.add_argument("--uid", help="of this user / 工号")
    add_listing(listed, TaskState)
    shown = part("show", "show a task and its signatures / 查看任务")
    add_id(shown, "the task, as a list shows it")
    shown.add_argument("--wait", action="store_true", help="until nothing more can come of it")
    add_id(part("cancel", "give a task up / 撤销任务"), "the task, as a list shows it")
    post = part("post", "have documents signed, as an application / 提交签名任务")
    post.add_argument("files", nargs="+", type=Path, metavar="FILE", help="文件")
    post.add_argument("--uid", required=True, help="the staff number / 工号")
    post.add_argument("--description", required=True, help="what the phone says it is / 事项")
    post.add_argument(
        "--digest", action="store_true", help="send SM3 alone, to be signed in CMS / 仅发送摘要"
    )
    post.add_argument("--expires", type=int, default=_DAY_S, metavar="SECONDS", help="有效期")
    post.add_argument("--wait", action="store_true", help="until nothing more can come of it")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    role = "application" if chosen.part == "post" else ROLE
    with opened_api(context, chosen, role) as api:
        return perform(api, context, chosen)


def perform(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part over an interface that is at hand."""
    return _PARTS[chosen.part](api, context, chosen)


def _list(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    query = {"uid": chosen.uid, "state": chosen.only}
    show_rows(context, "tasks", _COLUMNS, api.rows(_PATH, query, chosen.limit))
    return Exit.OK


def _show(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    return _tell(api, context, api.get(f"{_PATH}/{chosen.id}"), is_waiting=chosen.wait)


def _post(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    body = {
        "uid": chosen.uid,
        "description": chosen.description,
        "items": [_item(path, is_digest=chosen.digest) for path in chosen.files],
        "expires_s": chosen.expires,
    }
    return _tell(api, context, api.post(_PATH, body), is_waiting=chosen.wait)


def _item(path: Path, *, is_digest: bool) -> dict[str, str]:
    if is_digest:
        digest = hashlib.new("sm3", read_file(path, _DIGESTED_OCTETS)).hexdigest()
        return {"form": "cms", "name": path.name, "digest": digest}
    content = base64.b64encode(read_file(path, _RAW_OCTETS)).decode()
    return {"form": "raw", "name": path.name, "content": content}


def _tell(api: Api, context: Context, task: Facts, *, is_waiting: bool) -> Exit:
    """Show a task, when it is over if that is waited for; 1 unless all of it is signed then."""
    while is_waiting and task["state"] == TaskState.OPEN:
        task = api.get(f"{_PATH}/{task['id']}?wait={_WAIT_S}")
    if context.is_json:
        context.show(task)
    else:
        context.show({name: value for name, value in task.items() if name != "items"})
        print("\n".join(render_table(_ITEM_COLUMNS, task["items"])))
    is_signed = all(item["state"] == "signed" for item in task["items"])
    if is_waiting and not is_signed:
        tell("not all of it is signed / 未全部签署")
        return Exit.REFUSED
    return Exit.OK


_PARTS: dict[str, Part] = {
    "list": _list,
    "show": _show,
    "cancel": step(_PATH),
    "post": _post,
}
