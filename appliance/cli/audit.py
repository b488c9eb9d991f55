"""`shiyin audit`: prove the ledger whole, and make a token again from its row.

Both read the files themselves: whoever audits the signer need not ask it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from appliance.asn1 import pem, sm2
from appliance.cli.context import Context, Exit, common_options, read_file, tell
from appliance.crypto.engine import choose_engine
from appliance.errors import Malformed, NotFound
from appliance.quantities import Utc
from appliance.services.stamp_ledger import Kind
from appliance.store.ledger.chain import Row
from appliance.store.ledger.check import check_ledger
from appliance.store.ledger.reading import find_row
from appliance.tsp import record
from appliance.tsp.template import Template
from appliance.wire.addresses import unpack_client


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the verb and its two parts."""
    parser.add_argument("--ledger", type=Path, metavar="DIR", help="default: the box's own")
    parts = parser.add_subparsers(dest="part", required=True, metavar="verify|show")
    verify = parts.add_parser(
        "verify", help="check every row, link and signed head", parents=[common_options()]
    )
    verify.add_argument("--key", type=Path, help="PEM key of the heads; default: the box's own")
    show = parts.add_parser(
        "show", help="show a token's row and rebuild the token", parents=[common_options()]
    )
    show.add_argument("serial", help="the token's serial number in hexadecimal")
    show.add_argument("--out", type=Path, help="write the TimeStampToken here, in DER")


def run(context: Context, chosen: argparse.Namespace) -> Exit:
    """Verify the ledger or show a row."""
    folder = chosen.ledger or context.state / "signer" / "ledger"
    if not (folder / "ledger").is_dir():
        raise NotFound(f"there is no ledger in {folder}")
    return (
        _verify(context, folder, chosen)
        if chosen.part == "verify"
        else _show(context, folder, chosen)
    )


def _verify(context: Context, folder: Path, chosen: argparse.Namespace) -> Exit:
    key_path = chosen.key or context.state / "public" / "ledger-head.pem"
    public = sm2.public_key_from_spki(pem.read_one(read_file(key_path, 1 << 16), "PUBLIC KEY"))
    engine = choose_engine().engine
    verdict = check_ledger(
        folder,
        verify_head=lambda message, signature: engine.verify(public, message, signature),
        sm3=engine.sm3,
        progress=None if context.is_json else _progress,
    )
    bad = verdict.first_bad
    context.show(
        {
            "ledger": "sound" if bad is None else "TAMPERED WITH OR DAMAGED",
            "rows": verdict.rows,
            "segments": verdict.segments,
            "heads": verdict.heads,
            "last_row_under_a_signed_head": verdict.headed_seq,
            "last_head_torn_by_a_crash": verdict.is_head_torn or None,
            "first_bad": None if bad is None else bad._asdict(),
        }
    )
    return Exit.OK if bad is None else Exit.REFUSED


def _progress(segment: int, rows: int) -> None:
    tell(f"segment {segment}: {rows} rows proven")


def _show(context: Context, folder: Path, chosen: argparse.Namespace) -> Exit:
    try:
        serial = bytes.fromhex(chosen.serial.removeprefix("0x").removeprefix("0X"))
    except ValueError:
        raise Malformed("a serial number is written in hexadecimal") from None
    row = find_row(folder, serial)
    if row is None or row.kind != Kind.STAMP:
        raise NotFound(f"the ledger has no token of serial {chosen.serial}")
    stamp = record.decode(row.body)
    template = find_row(folder, stamp.template_id)
    if template is None:
        raise NotFound("the ledger lacks the template of this token")
    token = record.rebuild(stamp, Template.from_bytes(template.body))
    if chosen.out:
        chosen.out.write_bytes(token)
    context.show({**_row_facts(row, stamp), "token_octets": len(token), "written": chosen.out})
    return Exit.OK


def _row_facts(row: Row, stamp: record.Stamp) -> dict[str, object]:
    return {
        "row": row.seq,
        "serial": stamp.serial.hex(),
        "gen_time": Utc(stamp.gen_time_us).isoformat(),
        "beijing_time": Utc(stamp.gen_time_us).beijing(),
        "accuracy_us": stamp.accuracy_us,
        "policy": stamp.policy,
        "profile": stamp.profile,
        "client": unpack_client(stamp.client),
        "chain": row.chain.hex(),
    }
