"""The parts of `shiyin certs` for many at once: renewal jobs, off-line batches out and in."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from appliance.cli.certificates.api_client import Api, Facts, positive, segment
from appliance.cli.context import Context, Exit, read_file, tell
from appliance.cli.tables import render_table
from appliance.pki.states import JobState

LOOK_EVERY_S = 0.5
_IMPORT_OCTETS = 32 << 20
_JOB_COLUMNS = {
    "id": "id 编号",
    "state": "state 状态",
    "kind": "kind 类型",
    "done": "done 完成",
    "failed": "failed 失败",
    "total": "total 总数",
    "created_by": "by 发起人",
    "created": "begun 时间",
}
_BATCH_COLUMNS = {
    "id": "id 编号",
    "state": "state 状态",
    "authority": "authority 签发机构",
    "count": "requests 申请数",
    "created": "made 时间",
}
_IMPORT_COLUMNS = {
    "file": "file 文件",
    "subject": "subject 主体",
    "request_id": "request 申请",
    "fault": "fault 问题",
}
_UNDER_WAY = frozenset({JobState.QUEUED, JobState.RUNNING})


def add_parts(part: Callable[[str, str], argparse.ArgumentParser]) -> None:
    """Describe the parts."""
    renew = part("renew", "renew certificates in bulk / 批量续期")
    renew.add_argument("id", nargs="*", help="these certificates; none: all that end soon")
    renew.add_argument("--within-days", type=int, default=30, help="how soon (30) / 天内到期")
    renew.add_argument("--authority", help="only this authority's / 签发机构")
    renew.add_argument("--rekey", action="store_true", help="each waits for a new key / 换密钥")
    renew.add_argument("--wait", action="store_true", help="until it is done / 等待完成")
    jobs = part("jobs", "list jobs / 列出任务")
    jobs.add_argument("--limit", type=positive, default=100, help="at most so many (100)")
    job = part("job", "show a job, or steer it / 查看或控制任务")
    job.add_argument("id", type=segment, help="the job, as `jobs` shows it")
    deed = job.add_mutually_exclusive_group()
    for name, sentence in _STEPS.items():
        deed.add_argument(f"--{name}", dest="step", action="store_const", const=name, help=sentence)
    job.add_argument("--wait", action="store_true", help="until it is done / 等待完成")
    report = part("report", "what became of each item of a job, as CSV / 任务报告")
    report.add_argument("id", type=segment, help="the job, as `jobs` shows it")
    report.add_argument("--out", type=Path, metavar="FILE", help="write it here")
    batches = part("batches", "list off-line batches / 列出离线批次")
    batches.add_argument("--limit", type=positive, default=100, help="at most so many (100)")
    export = part("export", "write waiting requests to a signed ZIP / 导出离线批次")
    which = export.add_mutually_exclusive_group(required=True)
    which.add_argument("--authority", help="all that waits for this authority / 签发机构")
    which.add_argument("--batch", type=segment, help="this batch once more / 再次导出")
    export.add_argument("--out", type=Path, metavar="FILE", required=True, help="the ZIP file")
    imported = part("import", "take certificates in: ZIP, PEM or DER / 导入证书")
    imported.add_argument("file", type=Path)


_STEPS = {
    "pause": "stop it for now / 暂停",
    "resume": "let it go on / 恢复",
    "cancel": "end it; what is done stays done / 取消",
}


# --- jobs -----------------------------------------------------------------------------------------


def _renew(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    body = {
        "kind": "rekey" if chosen.rekey else "renew",
        "certificates": chosen.id,
        "within_days": chosen.within_days,
        "authority": chosen.authority,
    }
    return _job_told(api, context, api.post("/v1/jobs/renewals", body), is_waited=chosen.wait)


def _jobs(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    rows = api.rows("/v1/jobs", {}, chosen.limit)
    if context.is_json:
        context.show({"jobs": rows})
    else:
        print("\n".join(render_table(_JOB_COLUMNS, rows)))
    return Exit.OK


def _job(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    path = f"/v1/jobs/{chosen.id}"
    facts = api.post(f"{path}/{chosen.step}") if chosen.step else api.get(path)
    return _job_told(api, context, facts, is_waited=chosen.wait)


def _job_told(api: Api, context: Context, job: Facts, *, is_waited: bool) -> Exit:
    """Show a job, once it is over where that is waited for; a failed item is exit 1."""
    if is_waited:
        job = _followed(api, job)
    context.show(job)
    has_failed = job["failed"] > 0 or job["state"] == JobState.FAILED
    return Exit.REFUSED if has_failed else Exit.OK


def _followed(api: Api, job: Facts) -> Facts:
    """Look at a job until nothing more happens to it, telling how far it is."""
    told = ""
    while True:
        line = f"{job['done'] + job['failed']}/{job['total']}"
        if line != told:
            tell(line)
            told = line
        if JobState(job["state"]) not in _UNDER_WAY:
            return job
        api.pause(LOOK_EVERY_S)
        job = api.get(f"/v1/jobs/{job['id']}")


def _report(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    octets = api.download(f"/v1/jobs/{chosen.id}/report")
    if chosen.out:
        chosen.out.write_bytes(octets)
        context.show({"report": chosen.out})
    elif context.is_json:
        context.show({"report": octets.decode()})
    else:
        print(octets.decode(), end="")
    return Exit.OK


# --- off-line batches -----------------------------------------------------------------------------


def _batches(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    rows = api.rows("/v1/batches", {}, chosen.limit)
    if context.is_json:
        context.show({"batches": rows})
    else:
        print("\n".join(render_table(_BATCH_COLUMNS, rows)))
    return Exit.OK


def _export(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    facts: Facts = {"id": chosen.batch}
    if chosen.authority:
        facts = api.post("/v1/batches", {"authority": chosen.authority})
    chosen.out.write_bytes(api.download(f"/v1/batches/{facts['id']}/file"))
    context.show({**facts, "file": chosen.out})
    return Exit.OK


def _import(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Take certificates in; one that finds no request is exit 1, and the others are kept."""
    facts = api.upload("/v1/batches/imports", read_file(chosen.file, _IMPORT_OCTETS))
    if context.is_json:
        context.show(facts)
    else:
        print("\n".join(render_table(_IMPORT_COLUMNS, facts["rows"])))
        print(f"matched 已匹配: {facts['matched']}/{len(facts['rows'])}")
    return Exit.OK if facts["matched"] == len(facts["rows"]) else Exit.REFUSED


PARTS: dict[str, Callable[[Api, Context, argparse.Namespace], Exit]] = {
    "renew": _renew,
    "jobs": _jobs,
    "job": _job,
    "report": _report,
    "batches": _batches,
    "export": _export,
    "import": _import,
}
