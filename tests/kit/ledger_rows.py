"""What a box's ledger holds, read while no signer writes it."""

from pathlib import Path

from appliance.services.stamp_ledger import Kind
from appliance.store.ledger.chain import Row, sm3_hash
from appliance.store.ledger.segment_rows import rows_from
from appliance.store.ledger.segments import open_for_reading, segment_numbers, segment_path
from appliance.tsp import record
from appliance.tsp.record import Stamp
from appliance.tsp.template import Template

_GRANTED = bytes.fromhex("3003020100")


def read_rows(folder: Path) -> list[Row]:
    """Read every row of every segment."""
    rows: list[Row] = []
    for number in segment_numbers(folder):
        with open_for_reading(segment_path(folder, number)) as connection:
            rows.extend(rows_from(connection, 1, sm3_hash()))
    return rows


def rebuild(rows: list[Row]) -> dict[bytes, Stamp]:
    """Make every token of the ledger again: row by token."""
    templates = {
        row.serial: Template.from_bytes(row.body) for row in rows if row.kind == Kind.TEMPLATE
    }
    stamps = [record.decode(row.body) for row in rows if row.kind == Kind.STAMP]
    return {record.rebuild(stamp, templates[stamp.template_id]): stamp for stamp in stamps}


def read_token_of(response: bytes) -> bytes:
    """Cut the token out of a TimeStampResp: what follows the status of granted."""
    assert response[4:9] == _GRANTED
    return response[9:]
