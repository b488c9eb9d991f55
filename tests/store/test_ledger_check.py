import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kit.ledgers import NOON, entries, open_ledger, sign_head, verify_head, write_ledger

from appliance.store.ledger.batches import (
    Batch,
    chains_of,
    decode_entries,
    encode_entries,
    make_batches,
    serial_range,
)
from appliance.store.ledger.chain import GENESIS, Entry, sm3_hash
from appliance.store.ledger.check import LedgerVerdict, check_ledger
from appliance.store.ledger.heads import Head, encode_head, head_message
from appliance.store.ledger.segment_rows import all_batches
from appliance.store.ledger.segments import segment_path

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


def read_batch(folder: Path, seq: int) -> tuple[Batch, list[Entry]]:
    """Read the batch of 5 that holds row `seq`, and what is in it."""
    number = (seq - 1) // ROWS_PER_SEGMENT + 1
    with closing(sqlite3.connect(segment_path(folder, number))) as connection:
        batch = next(each for each in all_batches(connection) if each.last_seq >= seq)
    return batch, decode_entries(batch.body)


def put_batch(folder: Path, number: int, batch: Batch) -> None:
    """Put a batch where another stood, or a new one."""
    with closing(sqlite3.connect(segment_path(folder, number))) as connection:
        connection.execute("INSERT OR REPLACE INTO batch VALUES(?, ?, ?, ?, ?, ?)", batch)
        connection.commit()


def edit_entries(folder: Path, seq: int, edit: Callable[[list[Entry]], None]) -> None:
    """Change what is in the batch of row `seq`, as a careful forger without chain and key does."""
    batch, inside = read_batch(folder, seq)
    edit(inside)
    first, last = serial_range(inside)
    forged = Batch(batch.first_seq, len(inside), first, last, encode_entries(inside), batch.chain)
    put_batch(folder, (seq - 1) // ROWS_PER_SEGMENT + 1, forged)


def forge_chain(folder: Path, chain: bytes, *numbers: int) -> bytes:
    """Recompute every link of the segments, as one who knows the format but has no key."""
    sm3 = sm3_hash()
    for number in numbers:
        with closing(sqlite3.connect(segment_path(folder, number))) as connection:
            connection.execute("UPDATE meta SET start_chain = ?", (chain,))
            for batch in list(all_batches(connection)):
                chain = chains_of(sm3, batch.first_seq, chain, decode_entries(batch.body))[-1]
                update = "UPDATE batch SET chain = ? WHERE first_seq = ?"
                connection.execute(update, (chain, batch.first_seq))
            connection.commit()
    return chain


def test_a_sound_ledger_is_proven_whole(copy):
    # A finished segment keeps its last head alone; the active one has one for each batch of 5.
    assert check(copy) == LedgerVerdict(ROWS, 3, 3, ROWS, is_head_torn=False, first_bad=None)


def test_no_ledger_at_all_is_sound_and_empty(tmp_path):
    assert check(tmp_path) == LedgerVerdict(0, 0, 0, 0, is_head_torn=False, first_bad=None)


@pytest.mark.parametrize("seq", [1, 7, 20])
@pytest.mark.parametrize(
    "change",
    [{"body": b"\0"}, {"serial": b"\1\2"}, {"serial": None}, {"kind": 3}],
)
def test_an_edited_row_is_found_in_its_batch(copy, seq, change):
    def edit(inside):
        at = (seq - 1) % 5
        inside[at] = inside[at]._replace(**change)
        assert inside != read_batch(copy, seq)[1]

    if seq % 10 == 0:
        change = {"kind": 3}  # the tenth has no serial
    edit_entries(copy, seq, edit)
    assert first_bad(copy) == (1, (seq - 1) // 5 * 5 + 1)


@pytest.mark.parametrize("seq", [1, 6, 16])
@pytest.mark.parametrize(
    ("edit", "what"),
    [
        ("chain = zeroblob(32)", "continue"),
        ("chain = zeroblob(0)", "continue"),
        ("rows = 4", "continue"),
        ("rows = -1", "continue"),
        ("body = zeroblob(40)", "unknown version"),
        ("body = zeroblob(0)", "unknown version"),
        ("body = x'01'", "amid the head of an entry"),
        ("body = CAST(substr(body, 1, length(body) - 1) AS BLOB)", "amid an entry"),
        ("first_serial = x'00'", "other serials"),
        ("last_serial = NULL", "other serials"),
    ],
)
def test_an_edited_batch_is_named(copy, seq, edit, what):
    tamper(copy, 1, f"UPDATE batch SET {edit} WHERE first_seq = {seq}")
    bad = check(copy).first_bad
    assert bad[:2] == (1, seq)
    assert what in bad.what


@pytest.mark.parametrize(("segment", "seq"), [(1, 1), (1, 6), (2, 21), (3, 41)])
def test_a_deleted_batch_is_named(copy, segment, seq):
    tamper(copy, segment, f"DELETE FROM batch WHERE first_seq = {seq}")
    assert first_bad(copy) == (segment, seq)


@pytest.mark.parametrize("seq", [1, 9, 21, 43])
def test_a_row_deleted_from_its_batch_is_found(copy, seq):
    edit_entries(copy, seq, lambda inside: inside.__delitem__((seq - 1) % 5))
    assert first_bad(copy) == ((seq - 1) // 20 + 1, (seq - 1) // 5 * 5 + 1)


def test_rows_in_exchanged_order_are_found(copy):
    edit_entries(copy, 23, lambda inside: inside.reverse())
    assert first_bad(copy) == (2, 21)


def test_of_two_batches_in_exchanged_order_the_first_is_named(copy):
    tamper(
        copy,
        2,
        "UPDATE batch SET first_seq = 999 WHERE first_seq = 26",
        "UPDATE batch SET first_seq = 26 WHERE first_seq = 31",
        "UPDATE batch SET first_seq = 31 WHERE first_seq = 999",
    )
    assert first_bad(copy) == (2, 26)


def test_an_inserted_row_is_found(copy):
    edit_entries(copy, 42, lambda inside: inside.insert(2, Entry(1, b"\xaa")))
    assert first_bad(copy) == (3, 41)


@pytest.mark.parametrize(("segment", "seq"), [(2, -4), (2, 23), (1, 21), (3, 45)])
def test_a_batch_that_stands_where_none_belongs_is_named(copy, segment, seq):
    (made,) = make_batches(sm3_hash(), seq % 99, GENESIS, [Entry(1, b"\xaa")])
    put_batch(copy, segment, made._replace(first_seq=seq))
    assert first_bad(copy) == (segment, seq)


@pytest.mark.parametrize(("segment", "kept"), [(3, 40), (2, 30), (1, 0)])
def test_batches_cut_off_below_the_last_head_are_missed(copy, segment, kept):
    tamper(copy, segment, f"DELETE FROM batch WHERE first_seq > {kept}")
    assert first_bad(copy) == (segment, kept + 1)


def test_rows_cut_off_the_last_batch_with_its_chain_recomputed_are_missed(copy):
    chain = read_batch(copy, 40)[0].chain
    edit_entries(copy, 45, list.pop)
    forge_chain(copy, chain, 3)
    assert check(copy).first_bad == (3, 45, "the row is missing: a head vouches for 45")


def test_a_head_over_a_row_amid_a_batch_is_held_to_it(copy):
    before, batch = read_batch(copy, 40)[0], read_batch(copy, 41)
    chains = chains_of(sm3_hash(), 41, before.chain, batch[1])
    path = copy / "heads" / "00000003.heads"
    amid = [
        encode_head(Head(43, chain, NOON, sign_head(head_message(43, chain, NOON))))
        for chain in (chains[2], chains[1])
    ]
    kept = path.read_bytes()
    path.write_bytes(amid[0] + kept)
    assert check(copy) == LedgerVerdict(ROWS, 3, 4, ROWS, is_head_torn=False, first_bad=None)
    path.write_bytes(amid[1] + kept)
    assert check(copy).first_bad == (3, 43, "the row is not the one its signed head has")


def test_rows_cut_off_after_the_last_head_leave_no_trace(copy):
    with closing(open_ledger(copy, rows_per_segment=ROWS_PER_SEGMENT)) as ledger:
        ledger.append(entries(46, 2))
    verdict = check(copy)
    assert (verdict.rows, verdict.headed_seq) == (47, 45)
    tamper(copy, 3, "DELETE FROM batch WHERE first_seq > 45")
    assert check(copy).first_bad is None


def forge_bodies(folder: Path, last: int) -> None:
    """Write other bodies into all rows up to `last`."""
    for seq in range(1, last, 5):
        edit_entries(
            folder, seq, lambda inside: inside.__setitem__(0, inside[0]._replace(body=b"feed"))
        )


def test_an_edit_with_the_chain_recomputed_is_found_by_the_next_head(copy):
    forge_bodies(copy, 5)
    forge_chain(copy, GENESIS, 1, 2, 3)
    assert first_bad(copy) == (1, 20)


def test_a_cut_amid_the_ledger_with_the_chain_recomputed_is_found_by_heads(copy):
    chain = read_batch(copy, 40)[0].chain
    edit_entries(copy, 42, lambda inside: inside.pop(1))
    forge_chain(copy, chain, 3)
    assert first_bad(copy) == (3, 45)


def test_a_ledger_written_anew_from_the_first_row_is_found_by_heads(copy):
    forge_bodies(copy, ROWS)
    forge_chain(copy, GENESIS, 1, 2, 3)
    assert first_bad(copy) == (1, 20)


def test_a_ledger_written_anew_with_heads_of_another_key_is_found(copy):
    forge_bodies(copy, 20)
    chain = forge_chain(copy, GENESIS, 1)
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
    chain = read_batch(copy, 45)[0].chain
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
    ["DROP TABLE batch", "DELETE FROM meta", "UPDATE meta SET format_version = 9"],
)
def test_a_segment_that_cannot_be_read_is_named(copy, statement):
    tamper(copy, 2, statement)
    assert first_bad(copy) == (2, 21)


def test_a_damaged_page_is_named(copy):
    path = segment_path(copy, 2)
    path.write_bytes(path.read_bytes()[:9000])
    assert first_bad(copy)[0] == 2


@pytest.mark.parametrize(
    ("edit", "seq"),
    [
        ("body = 'text'", 31),
        ("body = 7", 31),
        ("chain = 'text'", 31),
        ("rows = 'five'", 31),
        ("last_serial = 5", 31),
        ("first_seq = 'text'", 31),
        ("first_seq = NULL", 21),
    ],
)
def test_a_table_without_its_strict_types_does_not_confuse_the_check(copy, edit, seq):
    tamper(
        copy,
        2,
        "CREATE TABLE loose AS SELECT * FROM batch",
        "DROP TABLE batch",
        "ALTER TABLE loose RENAME TO batch",
        f"UPDATE batch SET {edit} WHERE first_seq = 31",
    )
    assert first_bad(copy) == (2, seq)


def test_the_check_runs_beside_the_writer(tmp_path):
    with closing(open_ledger(tmp_path, rows_per_segment=ROWS_PER_SEGMENT)) as ledger:
        for first in range(1, 60, 7):
            ledger.append(entries(first, 7))
            verdict = check(tmp_path)
            assert (verdict.rows, verdict.first_bad) == (first + 6, None)


def test_rows_appended_while_a_segment_is_read_stay_out_of_its_snapshot(tmp_path):
    rows = 20_000
    with closing(open_ledger(tmp_path)) as ledger:
        for first in (1, rows // 2 + 1):
            ledger.append(entries(first, rows // 2))

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
