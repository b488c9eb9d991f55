import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from kit.ledgers import NOON, entries, open_ledger, sign_head, verify_head, write_ledger

from appliance.store.chain import GENESIS, Entry, Row, link, sm3_hash
from appliance.store.heads import Head, encode_head, head_message
from appliance.store.ledger_check import LedgerVerdict, check_ledger
from appliance.store.segments import segment_path

ROWS, ROWS_PER_SEGMENT = 45, 20


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")
    write_ledger(folder, ROWS, rows_per_segment=ROWS_PER_SEGMENT, batch=5)
    return folder


@pytest.fixture
def copy(written, tmp_path):
    shutil.copytree(written, tmp_path / "copy")
    for path in (tmp_path / "copy" / "ledger").iterdir():
        path.chmod(0o640)
    return tmp_path / "copy"


def check(folder: Path) -> LedgerVerdict:
    return check_ledger(folder, verify_head=verify_head)


def first_bad(folder: Path) -> tuple[int, int]:
    bad = check(folder).first_bad
    assert bad is not None
    return bad.segment, bad.seq


def tamper(folder: Path, segment: int, *statements: str) -> None:
    with closing(sqlite3.connect(segment_path(folder, segment))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def forge_chain(folder: Path, chain: bytes, *numbers: int) -> None:
    """Recompute every link of the segments, as one who knows the format but has no key."""
    sm3 = sm3_hash()
    for number in numbers:
        with closing(sqlite3.connect(segment_path(folder, number))) as connection:
            connection.execute("UPDATE meta SET start_chain = ?", (chain,))
            columns = "SELECT seq, kind, serial, body, chain FROM entry ORDER BY seq"
            for row in map(Row._make, connection.execute(columns).fetchall()):
                chain = link(sm3, chain, row.seq, Entry(row.kind, row.body, row.serial))
                connection.execute("UPDATE entry SET chain = ? WHERE seq = ?", (chain, row.seq))
            connection.commit()


def test_a_sound_ledger_is_proven_whole(copy):
    # A finished segment keeps its last head alone; the active one has one for each batch of 5.
    assert check(copy) == LedgerVerdict(ROWS, 3, 3, ROWS, is_head_torn=False, first_bad=None)


def test_no_ledger_at_all_is_sound_and_empty(tmp_path):
    assert check(tmp_path) == LedgerVerdict(0, 0, 0, 0, is_head_torn=False, first_bad=None)


@pytest.mark.parametrize("seq", [1, 7, 20])
@pytest.mark.parametrize(
    "edit",
    [
        "body = x'00'",
        "serial = x'0102'",
        "kind = 3",
        "kind = 300",
        "kind = -1",
        "chain = zeroblob(32)",
        "chain = zeroblob(0)",
    ],
)
def test_an_edited_row_is_named(copy, seq, edit):
    tamper(copy, 1, f"UPDATE entry SET {edit} WHERE seq = {seq}")
    assert first_bad(copy) == (1, seq)


def test_an_empty_serial_in_the_place_of_none_is_named(copy):
    tamper(copy, 1, "UPDATE entry SET serial = x'' WHERE seq = 10")
    assert first_bad(copy) == (1, 10)


@pytest.mark.parametrize(("segment", "seq"), [(1, 1), (1, 9), (2, 21), (3, 43)])
def test_a_deleted_row_is_named(copy, segment, seq):
    tamper(copy, segment, f"DELETE FROM entry WHERE seq = {seq}")
    assert first_bad(copy) == (segment, seq)


def test_of_two_rows_in_exchanged_order_the_first_is_named(copy):
    tamper(
        copy,
        2,
        "UPDATE entry SET seq = 999 WHERE seq = 25",
        "UPDATE entry SET seq = 25 WHERE seq = 28",
        "UPDATE entry SET seq = 28 WHERE seq = 999",
    )
    assert first_bad(copy) == (2, 25)


def test_an_inserted_row_is_named(copy):
    tamper(
        copy,
        3,
        "UPDATE entry SET seq = seq + 1000 WHERE seq >= 42",
        "UPDATE entry SET seq = seq - 999 WHERE seq >= 1000",
        "INSERT INTO entry VALUES(42, 1, NULL, x'aa', zeroblob(32))",
    )
    assert first_bad(copy) == (3, 42)


def test_a_row_before_the_first_is_named(copy):
    tamper(copy, 2, "INSERT INTO entry VALUES(-4, 1, NULL, x'aa', zeroblob(32))")
    assert first_bad(copy) == (2, -4)


def test_a_row_added_past_the_end_of_a_finished_segment_is_named(copy):
    tamper(copy, 1, "INSERT INTO entry VALUES(21, 1, NULL, x'aa', zeroblob(32))")
    assert first_bad(copy) == (1, 21)


@pytest.mark.parametrize(("segment", "kept"), [(3, 42), (3, 40), (2, 30), (1, 0)])
def test_rows_cut_off_below_the_last_head_are_missed(copy, segment, kept):
    tamper(copy, segment, f"DELETE FROM entry WHERE seq > {kept}")
    assert first_bad(copy) == (segment, kept + 1)


def test_rows_cut_off_after_the_last_head_leave_no_trace(copy):
    with closing(open_ledger(copy, rows_per_segment=ROWS_PER_SEGMENT)) as ledger:
        ledger.append(entries(46, 2))
    verdict = check(copy)
    assert (verdict.rows, verdict.headed_seq) == (47, 45)
    tamper(copy, 3, "DELETE FROM entry WHERE seq > 45")
    assert check(copy).first_bad is None


def test_an_edit_with_the_chain_recomputed_is_found_by_the_next_head(copy):
    tamper(copy, 1, "UPDATE entry SET body = x'00' WHERE seq = 3")
    forge_chain(copy, GENESIS, 1, 2, 3)
    assert first_bad(copy) == (1, 20)


def test_a_cut_amid_the_ledger_with_the_chain_recomputed_is_found_by_heads(copy):
    tamper(
        copy,
        3,
        "DELETE FROM entry WHERE seq = 42",
        "UPDATE entry SET seq = -seq WHERE seq > 42",
        "UPDATE entry SET seq = -seq - 1 WHERE seq < 0",
    )
    with closing(sqlite3.connect(segment_path(copy, 3))) as connection:
        (chain,) = connection.execute("SELECT start_chain FROM meta").fetchone()
    forge_chain(copy, chain, 3)
    assert first_bad(copy) == (3, 45)


def test_a_ledger_written_anew_from_the_first_row_is_found_by_heads(copy):
    for number in (1, 2, 3):
        tamper(copy, number, "UPDATE entry SET body = x'feed'")
    forge_chain(copy, GENESIS, 1, 2, 3)
    assert first_bad(copy) == (1, 20)


def test_a_ledger_written_anew_with_heads_of_another_key_is_found(copy):
    tamper(copy, 1, "UPDATE entry SET body = x'feed'")
    forge_chain(copy, GENESIS, 1)
    with closing(sqlite3.connect(segment_path(copy, 1))) as connection:
        (chain,) = connection.execute("SELECT chain FROM entry WHERE seq = 20").fetchone()
    forged = Head(20, chain, NOON, sign_head(b"something else"))
    (copy / "heads" / "00000001.heads").write_bytes(encode_head(forged))
    assert check(copy).first_bad == (1, 20, "the signature of the head does not verify")


@pytest.mark.parametrize(("field", "value"), [("at", 7), ("sig", "00"), ("seq", 44)])
def test_a_changed_head_does_not_verify(copy, field, value):
    path = copy / "heads" / "00000003.heads"
    head = json.loads(path.read_bytes())
    path.write_text(json.dumps(head | {field: value}) + "\n")
    bad = check(copy).first_bad
    assert bad == (3, 44 if field == "seq" else 45, "the signature of the head does not verify")


def test_a_head_of_rows_cut_off_must_itself_verify(copy):
    path = copy / "heads" / "00000003.heads"
    path.write_bytes(path.read_bytes() + encode_head(Head(99, GENESIS, NOON, b"")))
    assert check(copy).first_bad == (3, 99, "the signature of the head does not verify")


@pytest.mark.parametrize("seq", [7, 45])
def test_heads_out_of_order_are_found(copy, seq):
    with closing(sqlite3.connect(segment_path(copy, 3))) as connection:
        (chain,) = connection.execute("SELECT chain FROM entry WHERE seq = 45").fetchone()
    path = copy / "heads" / "00000003.heads"
    signature = sign_head(head_message(seq, chain, NOON))
    path.write_bytes(path.read_bytes() + encode_head(Head(seq, chain, NOON, signature)))
    assert check(copy).first_bad == (3, seq, "the head is out of order")


@pytest.mark.parametrize("line", [b"torn", b"torn\n", b'{"v":1,"seq":46', bytes(200)])
def test_a_torn_last_line_of_heads_is_told_and_no_harm(copy, line):
    path = copy / "heads" / "00000003.heads"
    path.write_bytes(path.read_bytes() + line)
    assert check(copy) == LedgerVerdict(ROWS, 3, 3, ROWS, is_head_torn=True, first_bad=None)


def test_a_line_amid_the_heads_that_is_none_is_found(copy):
    path = copy / "heads" / "00000003.heads"
    path.write_bytes(b"torn\n" + path.read_bytes())
    assert first_bad(copy) == (3, 41)


def test_a_finished_segment_without_its_last_head_is_found(copy):
    (copy / "heads" / "00000002.heads").unlink()
    assert first_bad(copy) == (2, 40)


@pytest.mark.parametrize(("segment", "seq"), [(1, 1), (2, 21), (3, 41)])
def test_a_missing_segment_is_named(copy, segment, seq):
    segment_path(copy, segment).unlink()
    assert check(copy).first_bad == (segment, seq, "the segment is missing")


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        ("first_seq = 25", (1, 21)),
        ("first_seq = 19", (2, 19)),
        ("segment = 3", (2, 21)),
        ("start_chain = zeroblob(32)", (2, 21)),
    ],
)
def test_a_segment_that_starts_elsewhere_is_named(copy, edit, where):
    tamper(copy, 2, f"UPDATE meta SET {edit}")
    assert first_bad(copy) == where


def test_a_segment_put_in_the_place_of_another_is_named(copy):
    shutil.copy(segment_path(copy, 1), segment_path(copy, 2))
    assert first_bad(copy) == (2, 1)


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE entry", "DELETE FROM meta", "UPDATE meta SET format_version = 9"],
)
def test_a_segment_that_cannot_be_read_is_named(copy, statement):
    tamper(copy, 2, statement)
    assert first_bad(copy) == (2, 21)


def test_a_damaged_page_is_named(copy):
    path = segment_path(copy, 2)
    path.write_bytes(path.read_bytes()[:9000])
    assert first_bad(copy)[0] == 2


def test_a_table_without_its_strict_types_does_not_confuse_the_check(copy):
    tamper(
        copy,
        2,
        "CREATE TABLE loose AS SELECT * FROM entry",
        "DROP TABLE entry",
        "ALTER TABLE loose RENAME TO entry",
        "UPDATE entry SET body = 'text' WHERE seq = 33",
    )
    assert first_bad(copy) == (2, 33)


def test_the_check_runs_beside_the_writer(tmp_path):
    with closing(open_ledger(tmp_path, rows_per_segment=ROWS_PER_SEGMENT)) as ledger:
        for first in range(1, 60, 7):
            ledger.append(entries(first, 7))
            verdict = check(tmp_path)
            assert (verdict.rows, verdict.first_bad) == (first + 6, None)


def test_rows_appended_while_a_segment_is_read_stay_out_of_its_snapshot(tmp_path):
    rows = 20_000
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.append(entries(1, rows))

        def write_on(segment, proven):
            ledger.append(entries(ledger.last()[0] + 1, 5))
            ledger.write_head()

        verdict = check_ledger(tmp_path, verify_head=verify_head, progress=write_on)
        assert (verdict.rows, verdict.first_bad) == (rows, None)
        assert ledger.last()[0] == rows + 10


def test_progress_is_told_every_ten_thousand_rows(tmp_path):
    told = []
    write_ledger(tmp_path, 25_000, rows_per_segment=15_000, batch=5000)
    check_ledger(
        tmp_path,
        verify_head=verify_head,
        progress=lambda segment, rows: told.append((segment, rows)),
    )
    assert told == [(1, 10_000), (2, 20_000)]
