"""`shiyin ca`: the authorities of a box, over the signer's socket `admin`, and ceremonies.

Only the box's own user may ask.  What takes two custodians is opened here, signed anywhere, and
approved here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import msgspec

from appliance import errors
from appliance.asn1 import pem
from appliance.cli.certificates import ca_offline
from appliance.cli.context import Context, Exit, common_options, read_file, tell
from appliance.errors import Fault, Malformed, NotFound, Unavailable
from appliance.services.certifying.ceremony.acts import ACTS
from appliance.services.certifying.ceremony.ceremonies import custodian_algorithm
from appliance.services.certifying.messages import (
    AdminQuestion,
    AdminRefusal,
    AuthoritiesAsk,
    CeremonyApprove,
    CeremonyOpen,
    Done,
    PublishLists,
    TemplateAdd,
    TemplatesAsk,
)
from appliance.store.files import write_durably
from appliance.wire.ipc import ask

_FILE_LIMIT = 1 << 16

Facts = dict[str, object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its parts."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")

    def part(name: str, sentence: str) -> argparse.ArgumentParser:
        return parts.add_parser(name, help=sentence, parents=[common_options()])

    part("list", "list the authorities / 列出签发机构")
    part("show", "show one authority / 查看签发机构").add_argument("name")
    part("templates", "list the certificate templates / 列出证书模板")
    added = part("template-add", "add a template in JSON or TOML / 添加证书模板")
    added.add_argument("file", type=Path)
    crl = part("crl", "sign a revocation list now / 立即签发吊销列表")
    crl.add_argument("name")
    crl.add_argument("--delta", action="store_true", help="only what changed since the full one")
    part("custodians", "list the custodians / 列出保管员")
    first = part("enrol-first", "put down one of the first two custodians / 登记首批保管员")
    first.add_argument("name")
    first.add_argument("key", type=Path, help="public key in PEM, of SM2 or P-256")
    _add_ceremony_arguments(part)
    ca_offline.add_arguments(
        part("sign-offline", "certify a request by an off-line key / 离线签发")
    )


def _add_ceremony_arguments(part: Callable[[str, str], argparse.ArgumentParser]) -> None:
    ceremony = part("ceremony", "open an act that takes two custodians / 发起双人仪式")
    ceremony.add_argument("act", choices=sorted(ACTS))
    ceremony.add_argument("parameter", nargs="*", metavar="NAME=TEXT")
    ceremony.add_argument("--file", action="append", default=[], metavar="NAME=PATH")
    ceremony.add_argument("--out", type=Path, help="write the statement to be signed here")
    approve = part("approve", "bring a custodian's signature / 提交保管员签名")
    approve.add_argument("ceremony", help="the number that `ca ceremony` gave")
    approve.add_argument("custodian")
    approve.add_argument("signature", type=Path, help="the signature over the statement, in DER")
    approve.add_argument("--out", type=Path, help="write the request, if there is one, here in PEM")
    request = part("request", "open a ceremony for a new authority's key / 申请新签发机构")
    request.add_argument("name", help="issuing-..., or tsa-...")
    request.add_argument("--algorithm", choices=("sm2", "p256", "rsa"), default="sm2")
    request.add_argument("--common-name", required=True)
    request.add_argument("--organization", default="")
    request.add_argument("--country", default="")
    request.add_argument("--out", type=Path, help="write the statement to be signed here")
    imported = part("import", "open a ceremony for a key's certificate / 导入证书")
    imported.add_argument("name")
    imported.add_argument("chain", type=Path, help="PEM: the certificate first, the root last")
    imported.add_argument("--out", type=Path, help="write the statement to be signed here")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Run one part."""
    if chosen.part == "sign-offline":
        return ca_offline.run(context, chosen)
    context.show(_RUNS[chosen.part](context, chosen))
    return Exit.OK


def _list(context: Context, _chosen: argparse.Namespace) -> Facts:
    found = _authorities(context)
    return {name: _shown(facts) for name, facts in found.items()} or {"authorities": "none yet"}


def _show(context: Context, chosen: argparse.Namespace) -> Facts:
    facts = _authorities(context).get(chosen.name)
    if facts is None:
        raise NotFound(f"there is no authority {chosen.name}")
    chain = facts["chain"]
    assert isinstance(chain, list)
    text = b"".join(pem.write("CERTIFICATE", each) for each in chain).decode()
    return {**_shown(facts), "chain": text}


def _authorities(context: Context) -> dict[str, Facts]:
    facts = _ask(context, AuthoritiesAsk(0))
    return msgspec.convert(facts["authorities"], dict[str, Facts])


def _shown(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if name != "chain"}


def _templates(context: Context, _chosen: argparse.Namespace) -> Facts:
    facts = msgspec.convert(_ask(context, TemplatesAsk(0)), dict[str, bytes])
    return {name: msgspec.json.decode(body) for name, body in facts.items()}


def _template_add(context: Context, chosen: argparse.Namespace) -> Facts:
    return _ask(context, TemplateAdd(0, read_file(chosen.file, _FILE_LIMIT)))


def _crl(context: Context, chosen: argparse.Namespace) -> Facts:
    return _ask(context, PublishLists(0, chosen.name, chosen.delta))


def _custodians(context: Context, _chosen: argparse.Namespace) -> Facts:
    facts = _ask(context, AuthoritiesAsk(0))
    return {"custodians": facts["custodians"], "ceremonies": facts["ceremonies"]}


def _enrol_first(context: Context, chosen: argparse.Namespace) -> Facts:
    """Put the key where the signer looks while it has fewer than two custodians."""
    spki = pem.read_one(read_file(chosen.key, _FILE_LIMIT), "PUBLIC KEY")
    custodian_algorithm(spki)
    if not chosen.name.isidentifier():
        raise Malformed("the name of a custodian is letters, digits and underscores")
    folder = context.state / "signer" / "custodians"
    path = folder / f"{chosen.name}.pem"
    if not folder.is_dir():
        raise Unavailable(f"there is no {folder}: start the box once, and be the signer's user")
    if path.exists():
        raise errors.Conflict(f"{path} is there already")
    write_durably(path, pem.write("PUBLIC KEY", spki))
    return {"custodian": chosen.name, "key": path}


def _ceremony(context: Context, chosen: argparse.Namespace) -> Facts:
    parameters = dict(_pair(each) for each in chosen.parameter)
    octets = {
        name: _file_octets(Path(path)) for name, path in (_pair(each) for each in chosen.file)
    }
    return _open(context, chosen, chosen.act, parameters, octets)


def _file_octets(path: Path) -> bytes:
    """Read a parameter: a public key becomes DER, anything else goes as it is."""
    content = read_file(path, _FILE_LIMIT)
    keys = pem.read_all(content, "PUBLIC KEY")
    return keys[0] if keys else content


def _request(context: Context, chosen: argparse.Namespace) -> Facts:
    act = "request-tsa" if chosen.name.startswith("tsa") else "request-authority"
    names = ("name", "algorithm", "common_name", "organization", "country")
    return _open(context, chosen, act, {name: getattr(chosen, name) for name in names}, {})


def _import(context: Context, chosen: argparse.Namespace) -> Facts:
    act = "import-tsa" if chosen.name.startswith("tsa") else "import-authority"
    chain = read_file(chosen.chain, _FILE_LIMIT)
    return _open(context, chosen, act, {"name": chosen.name}, {"chain": chain})


def _open(
    context: Context,
    chosen: argparse.Namespace,
    act: str,
    parameters: Mapping[str, str],
    octets: Mapping[str, bytes],
) -> Facts:
    facts = _ask(context, CeremonyOpen(0, act, dict(parameters), dict(octets)))
    number, statement = facts["ceremony"], facts["statement"]
    assert isinstance(number, bytes)
    assert isinstance(statement, bytes)
    if chosen.out:
        chosen.out.write_bytes(statement)
        tell(_HOW_TO_SIGN.format(statement=chosen.out, ceremony=number.hex()))
    return {"ceremony": number.hex(), "statement": statement.decode()}


_HOW_TO_SIGN = """\
Two custodians sign the statement, each with a key of their own / 两名保管员分别签名:
  openssl pkeyutl -sign -rawin -digest sm3 -pkeyopt distid:1234567812345678 \\
    -inkey SM2.pem -in {statement} -out NAME.sig
  openssl dgst -sha256 -sign P256.pem -out NAME.sig {statement}
and each signature is brought by / 提交:
  shiyin ca approve {ceremony} NAME NAME.sig
"""


def _approve(context: Context, chosen: argparse.Namespace) -> Facts:
    try:
        number = bytes.fromhex(chosen.ceremony)
    except ValueError:
        raise Malformed("the number of a ceremony is written in hexadecimal") from None
    signature = read_file(chosen.signature, 1024)
    facts = _ask(context, CeremonyApprove(0, number, chosen.custodian, signature))
    csr = facts.pop("csr", None)
    if isinstance(csr, bytes):
        text = pem.write("CERTIFICATE REQUEST", csr)
        facts["request"] = text.decode()
        if chosen.out:
            chosen.out.write_bytes(text)
    return facts


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Malformed(f"{text}: a parameter is NAME=VALUE")
    return name, value


def _ask(context: Context, question: AdminQuestion) -> Facts:
    """Ask the signer.  Raises what it refuses with, Unavailable, PermissionError."""
    path = context.state / "run" / "admin.sock"
    try:
        answer = ask(path, question, cast("type[Done | AdminRefusal]", Done | AdminRefusal))
    except PermissionError:
        raise
    except OSError as error:
        raise Unavailable(f"the signer does not answer on {path}: {error}") from error
    if isinstance(answer, Done):
        return answer.facts
    kind = getattr(errors, answer.kind, Fault)
    raise kind(answer.detail)


_RUNS: dict[str, Callable[[Context, argparse.Namespace], Facts]] = {
    "list": _list,
    "show": _show,
    "templates": _templates,
    "template-add": _template_add,
    "crl": _crl,
    "custodians": _custodians,
    "enrol-first": _enrol_first,
    "ceremony": _ceremony,
    "approve": _approve,
    "request": _request,
    "import": _import,
}
