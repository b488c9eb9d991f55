"""`shiyin certs`: certificates and the requests for them, over the box's interface."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from appliance.asn1 import pem
from appliance.cli.certificates import certs_bulk
from appliance.cli.certificates.api_client import (
    Api,
    Facts,
    api_options,
    opened_api,
    positive,
    segment,
)
from appliance.cli.context import Context, Exit, read_file, tell
from appliance.cli.tables import render_table
from appliance.errors import Malformed
from appliance.pki.states import CertificateState, RequestState

ROLE = "operator"
_CSR_OCTETS = 16_384
_CSR = "CERTIFICATE REQUEST"
_REASONS = (
    "unspecified",
    "key_compromise",
    "affiliation_changed",
    "superseded",
    "cessation_of_operation",
    "privilege_withdrawn",
)
_CERTIFICATE_COLUMNS = {
    "id": "id 编号",
    "state": "state 状态",
    "serial_number": "serial 序列号",
    "owner_uid": "owner 工号",
    "template": "template 模板",
    "not_after": "until 有效期至",
    "subject": "subject 主体",
}
_REQUEST_COLUMNS = {
    "id": "id 编号",
    "state": "state 状态",
    "road": "road 途径",
    "kind": "kind 类型",
    "owner_uid": "owner 工号",
    "template": "template 模板",
    "created": "asked 申请时间",
    "reason": "reason 原因",
}

Part = Callable[[Api, Context, argparse.Namespace], Exit]
AddPart = Callable[[str, str], argparse.ArgumentParser]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")

    def part(name: str, sentence: str) -> argparse.ArgumentParser:
        return parts.add_parser(name, help=sentence, parents=[api_options()])

    _add_listing(part("list", "list certificates / 列出证书"), CertificateState, template=True)
    show = part("show", "show a certificate / 查看证书")
    _add_id(show, "certificate")
    show.add_argument("--out", type=Path, metavar="FILE", help="write it here in PEM")
    _add_issue(part("issue", "ask for a certificate / 申请并签发证书"))
    revoke = part("revoke", "revoke a certificate for ever / 吊销证书")
    _add_id(revoke, "certificate")
    revoke.add_argument("--reason", choices=_REASONS, default="unspecified")
    _add_id(part("hold", "put a certificate on hold / 冻结证书"), "certificate")
    _add_id(part("release", "take a certificate off hold / 解冻证书"), "certificate")
    _add_listing(part("requests", "list requests / 列出申请"), RequestState, template=False)
    request = part("request", "show a request, or go on with it / 查看或继续申请")
    _add_id(request, "request")
    deed = request.add_mutually_exclusive_group()
    deed.add_argument("--csr", type=Path, metavar="FILE", help="give it its PKCS#10 request")
    deed.add_argument("--cancel", action="store_true", help="give it up")
    request.add_argument("--out", type=Path, metavar="FILE", help="write its certificate here")
    part("sweep", "mark what is due for renewal, and what is over / 清点到期证书")
    certs_bulk.add_parts(part)


def _add_id(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("id", type=segment, help=f"the {what}, as a list shows it")


def _add_listing(
    parser: argparse.ArgumentParser,
    states: type[CertificateState | RequestState],
    *,
    template: bool,
) -> None:
    parser.add_argument("--uid", help="of this owner's / 工号")
    parser.add_argument("--authority", help="of this authority's / 签发机构")
    if template:
        parser.add_argument("--template", help="of this template / 模板")
    parser.add_argument("--only", choices=[each.value for each in states], help="in this state")
    parser.add_argument("--limit", type=positive, default=100, help="at most so many (100)")


def _add_issue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--csr", type=Path, metavar="FILE", help="a PKCS#10 request, PEM or DER")
    parser.add_argument("--authority", required=True, help="as issuing-sm2 / 签发机构")
    parser.add_argument("--template", required=True, help="as person, device, server / 模板")
    parser.add_argument("--uid", required=True, help="the owner's staff number / 工号")
    parser.add_argument(
        "--field", action="append", default=[], metavar="NAME=TEXT", help="fills the template"
    )
    parser.add_argument("--device", help="the device that has the key / 设备")
    parser.add_argument(
        "--offline", action="store_true", help="by the next off-line batch / 离线签发"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the certificate here")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    with opened_api(context, chosen, ROLE) as api:
        return perform(api, context, chosen)


def perform(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part over an interface that is at hand."""
    return _PARTS[chosen.part](api, context, chosen)


# --- certificates ---------------------------------------------------------------------------------


def _list(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    query = {**_query(chosen), "template": chosen.template}
    rows = api.rows("/v1/certificates", query, chosen.limit)
    _show_rows(context, "certificates", _CERTIFICATE_COLUMNS, rows)
    return Exit.OK


def _query(chosen: argparse.Namespace) -> dict[str, object]:
    return {"owner_uid": chosen.uid, "authority": chosen.authority, "state": chosen.only}


def _show_rows(context: Context, name: str, columns: Mapping[str, str], rows: list[Facts]) -> None:
    if context.is_json:
        context.show({name: rows})
    else:
        print("\n".join(render_table(columns, rows)))


def _show(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    certificate = api.get(f"/v1/certificates/{chosen.id}")
    if chosen.out:
        chosen.out.write_text(certificate["certificate"], "ascii")
    context.show(certificate)
    return Exit.OK


def _revoke(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    context.show(api.post(f"/v1/certificates/{chosen.id}/revoke", {"reason": chosen.reason}))
    return Exit.OK


def _step(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    """Hold or release."""
    context.show(api.post(f"/v1/certificates/{chosen.id}/{chosen.part}"))
    return Exit.OK


def _sweep(api: Api, context: Context, _chosen: argparse.Namespace) -> Exit:
    context.show(api.post("/v1/certificates/sweep"))
    return Exit.OK


# --- requests -------------------------------------------------------------------------------------


def _issue(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    body: dict[str, object] = {
        "authority": chosen.authority,
        "template": chosen.template,
        "owner_uid": chosen.uid,
        "fields": dict(map(_pair, chosen.field)),
        "csr": None if chosen.csr is None else _read_csr(chosen.csr),
        "device": chosen.device,
        "road": "offline" if chosen.offline else "online",
    }
    return _told(api, context, api.post("/v1/requests", body), chosen.out)


def _requests(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    rows = api.rows("/v1/requests", _query(chosen), chosen.limit)
    _show_rows(context, "requests", _REQUEST_COLUMNS, rows)
    return Exit.OK


def _request(api: Api, context: Context, chosen: argparse.Namespace) -> Exit:
    path = f"/v1/requests/{chosen.id}"
    if chosen.cancel:
        context.show(api.post(f"{path}/cancel"))
        return Exit.OK
    if chosen.csr is not None:
        request = api.post(f"{path}/csr", {"csr": _read_csr(chosen.csr)})
    else:
        request = api.get(path)
    return _told(api, context, request, chosen.out)


def _told(api: Api, context: Context, request: Facts, out: Path | None) -> Exit:
    """Show a request with the certificate that came of it, and write that to `out`."""
    state = RequestState(request["state"])
    facts = request
    if state is RequestState.ISSUED:
        certificate = api.get(f"/v1/certificates/{request['certificate_id']}")
        facts = {**request, **{name: certificate[name] for name in _OF_CERTIFICATE}}
        if out:
            out.write_text(certificate["certificate"], "ascii")
    context.show(facts)
    if state in _WAITING:
        tell(f"no certificate yet; see later / 尚未签发: shiyin certs request {request['id']}")
    return _EXITS.get(state, Exit.OK)


_OF_CERTIFICATE = ("serial_number", "subject", "not_before", "not_after", "certificate")
_WAITING = (
    RequestState.CREATED,
    RequestState.CSR_PENDING,
    RequestState.SUBMITTED,
    RequestState.POLLING,
)
_EXITS = {
    RequestState.SUBMITTED: Exit.UNREACHABLE,
    RequestState.REFUSED: Exit.REFUSED,
    RequestState.FAILED: Exit.REFUSED,
}
"""One that is submitted still has an authority that does not answer; the box goes on asking."""


def _read_csr(path: Path) -> str:
    """Read a PKCS#10 request as PEM.  Raises NotFound, Malformed."""
    content = read_file(path, _CSR_OCTETS)
    der = content if content[:1] == b"\x30" else pem.read_one(content, _CSR)
    return pem.write(_CSR, der).decode()


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Malformed(f"{text}: a field is NAME=TEXT")
    return name, value


_PARTS: dict[str, Part] = {
    "list": _list,
    "show": _show,
    "issue": _issue,
    "revoke": _revoke,
    "hold": _step,
    "release": _step,
    "requests": _requests,
    "request": _request,
    "sweep": _sweep,
    **certs_bulk.PARTS,
}
