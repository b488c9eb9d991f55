"""Looking rows up in a ledger's files without being its writer."""

from __future__ import annotations

from pathlib import Path

from appliance.store import segments
from appliance.store.chain import Row


def find_row(folder: Path, serial: bytes) -> Row | None:
    """Find the row with a serial, in the newest segment first; the writer may run meanwhile."""
    for number in reversed(segments.segment_numbers(folder)):
        with segments.open_for_reading(segments.segment_path(folder, number)) as connection:
            row = segments.row_of_serial(connection, serial)
        if row is not None:
            return row
    return None
