"""Looking rows up in a ledger's files without being its writer."""

from __future__ import annotations

from pathlib import Path

from appliance.store.ledger import segment_rows, segments
from appliance.store.ledger.chain import Row, sm3_hash


def find_row(folder: Path, serial: bytes) -> Row | None:
    """Find the row with a serial, in the newest segment first; the writer may run meanwhile."""
    sm3 = sm3_hash()
    with segments.storage_errors("reading the ledger"):
        for number in reversed(segments.segment_numbers(folder)):
            with segments.open_for_reading(segments.segment_path(folder, number)) as connection:
                row = segment_rows.row_of_serial(connection, serial, sm3)
            if row is not None:
                return row
    return None
