import resource
import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from kit.ledgers import NOON, entries, open_ledger, sign_head, verify_head, write_ledger

from appliance.errors import Conflict, Fault, Unavailable
from appliance.store.ledger.chain import GENESIS, Entry, Row, link, sm3_hash
from appliance.store.ledger.check import check_ledger
from appliance.store.ledger.heads import head_message
from appliance.store.ledger.ledger import Ledger
from appliance.store.ledger.reading import find_row
from appliance.store.ledger.segments import is_sealed, open_for_reading, segment_path

SECOND_NS = 1_000_000_000


@pytest.fixture
def ledger(tmp_path):
    with closing(open_ledger(tmp_path, rows_per_segment=100)) as opened:
        yield opened


@contextmanager
def files_limited_to(octets):
    """Make every write past `octets` into a file fail, as a failing disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def size_of(path: Path) -> int:
    return path.stat().st_size


def assert_sound(folder: Path, rows: int) -> None:
    verdict = check_ledger(folder, verify_head=verify_head)
    assert (verdict.first_bad, verdict.rows) == (None, rows)


def test_an_empty_ledger_stands_at_zero(ledger):
    assert ledger.last() == (0, GENESIS)
    assert ledger.last_of_kind(1) is None
    assert ledger.find_serial(b"any") is None
    assert list(ledger.rows()) == []


def test_the_chain_is_sm3_over_the_fields_of_each_row(ledger):
    ledger.append([Entry(1, b"body", b"serial"), Entry(255, b"")])
    sm3 = sm3_hash()
    first = sm3(bytes(32) + bytes(7) + b"\x01" + b"\x01" + b"\x06" + b"serial" + b"body")
    second = sm3(first + bytes(7) + b"\x02" + b"\xff" + b"\x00")
    assert list(ledger.rows()) == [
        Row(1, 1, b"serial", b"body", first),
        Row(2, 255, None, b"", second),
    ]


def test_sm3_gives_the_digest_of_the_standard():
    # GB/T 32905-2016, A.1
    assert sm3_hash()(b"abc").hex() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
    )


def test_append_tells_the_sequence_of_the_first_row(ledger):
    assert ledger.append(entries(1, 3)) == 1
    assert ledger.append(entries(4, 5)) == 4
    assert ledger.last()[0] == 8


def test_another_hash_function_can_be_given(tmp_path):
    ledger = Ledger.open(
        tmp_path, sign_head=sign_head, utc_now=lambda: NOON, sm3=lambda data: data[-32:]
    )
    ledger.append([Entry(1, b"x" * 32)])
    assert ledger.last() == (1, b"x" * 32)
    ledger.close()


def test_a_reopened_ledger_goes_on_where_it_was(tmp_path):
    write_ledger(tmp_path, 25, rows_per_segment=100)
    with closing(open_ledger(tmp_path)) as ledger:
        assert ledger.append(entries(26, 5)) == 26
    assert_sound(tmp_path, 30)


def test_a_full_segment_is_followed_by_another_and_sealed(tmp_path):
    write_ledger(tmp_path, 25, rows_per_segment=10)
    names = sorted(path.name for path in (tmp_path / "ledger").iterdir())
    assert names == ["00000001.sqlite", "00000002.sqlite", "00000003.sqlite", "writer.lock"]
    assert [is_sealed(segment_path(tmp_path, number)) for number in (1, 2, 3)] == [
        True,
        True,
        False,
    ]
    assert_sound(tmp_path, 25)


def test_a_segment_is_sealed_at_the_next_opening_when_a_reader_was_inside(tmp_path):
    write_ledger(tmp_path, 10, rows_per_segment=10)
    first = segment_path(tmp_path, 1)
    with closing(open_ledger(tmp_path, rows_per_segment=10)) as ledger:
        with open_for_reading(first) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM batch").fetchall()
            ledger.append(entries(11, 1))
        assert not is_sealed(first)
    open_ledger(tmp_path).close()
    assert is_sealed(first)
    assert_sound(tmp_path, 11)


def test_a_roll_over_broken_off_before_its_first_row_is_taken_up(tmp_path):
    write_ledger(tmp_path, 10, rows_per_segment=10)
    with closing(open_ledger(tmp_path, rows_per_segment=10)) as ledger:
        heads = tmp_path / "heads" / "00000002.heads"
        heads.mkdir()
        with pytest.raises(Unavailable):
            ledger.append(entries(11, 1))
        heads.rmdir()
        assert ledger.append(entries(11, 1)) == 11
    assert_sound(tmp_path, 11)


def test_rows_and_serials_are_found_across_segments(tmp_path):
    write_ledger(tmp_path, 35, rows_per_segment=10)
    with closing(open_ledger(tmp_path, rows_per_segment=10)) as ledger:
        assert [row.seq for row in ledger.rows(8)] == list(range(8, 36))
        assert ledger.find_serial((3).to_bytes(14)).body == b"body 3"
        assert ledger.find_serial((34).to_bytes(14)).seq == 34
        assert ledger.find_serial((99).to_bytes(14)) is None
        assert ledger.last_of_kind(2).seq == 30
        assert ledger.last_of_kind(9) is None


def test_reading_meets_rows_appended_meanwhile(ledger):
    ledger.append(entries(1, 2))
    rows = ledger.rows()
    assert next(rows).seq == 1
    ledger.append(entries(3, 1))
    assert [row.seq for row in rows] == [2, 3]


def test_a_repeated_serial_refuses_its_whole_batch(tmp_path, ledger):
    ledger.append(entries(1, 5))
    before = ledger.last()
    with pytest.raises(Conflict):
        ledger.append([*entries(6, 2), *entries(3, 1)])
    assert ledger.last() == before
    assert ledger.append(entries(6, 4)) == 6
    assert_sound(tmp_path, 9)


def test_a_serial_twice_in_one_batch_refuses_it(tmp_path, ledger):
    with pytest.raises(Conflict):
        ledger.append([*entries(1, 5), *entries(3, 1)])
    assert ledger.append(entries(1, 5)) == 1
    assert_sound(tmp_path, 5)


def test_batches_that_drew_their_serials_by_turns_are_kept(tmp_path, ledger):
    numbered = {number: entries(number, 1)[0] for number in range(1, 9)}
    ledger.append([numbered[1], numbered[4], numbered[7]])
    ledger.append([numbered[2], numbered[5], numbered[8]])
    ledger.append([numbered[6], numbered[3]])
    with pytest.raises(Conflict, match="0005 is in the segment"):
        ledger.append([numbered[5]])
    found = [ledger.find_serial(entry.serial).seq for entry in numbered.values()]
    assert found == [1, 4, 8, 2, 5, 7, 3, 6]
    assert_sound(tmp_path, 8)


def test_a_batch_of_several_series_is_found_by_each_serial(tmp_path, ledger):
    ledger.append(entries(1, 3))
    scattered = [
        Entry(2, b"start"),
        *(Entry(2, b"%d" % kind, bytes((kind,)) * 16) for kind in (9, 200, 0)),
    ]
    assert ledger.append([*scattered, *entries(4, 2)]) == 4
    ledger.append(entries(6, 1))
    assert [ledger.find_serial(bytes((kind,)) * 16).seq for kind in (9, 200, 0)] == [5, 6, 7]
    assert ledger.find_serial((5).to_bytes(14)).seq == 9
    assert ledger.find_serial(b"\x09" * 15) is None
    assert_sound(tmp_path, 10)


def test_of_several_series_one_known_serial_refuses_the_whole_batch(tmp_path, ledger):
    ledger.append(entries(1, 3))
    before = ledger.last()
    with pytest.raises(Conflict):
        ledger.append([Entry(2, b"other", b"x" * 16), *entries(3, 1)])
    assert ledger.last() == before
    assert ledger.find_serial(b"x" * 16) is None
    assert_sound(tmp_path, 3)


def test_nothing_to_append_appends_nothing(tmp_path, ledger):
    ledger.append(entries(1, 3))
    assert ledger.append([]) == 4
    assert ledger.last()[0] == 3
    assert_sound(tmp_path, 3)


def test_reading_may_begin_amid_a_batch(ledger):
    ledger.append(entries(1, 7))
    ledger.append(entries(8, 7))
    rows = list(ledger.rows())
    assert [list(ledger.rows(seq)) for seq in (3, 8, 14, 15)] == [rows[2:], rows[7:], rows[13:], []]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE batch SET body = CAST(substr(body, 1, 40) AS BLOB)",
        "UPDATE batch SET body = x'' ",
        "UPDATE batch SET rows = rows + 1",
        "UPDATE batch SET chain = zeroblob(32)",
    ],
)
def test_a_damaged_batch_is_a_fault_to_its_reader(tmp_path, tampering):
    write_ledger(tmp_path, 40, rows_per_segment=100)
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as connection:
        connection.execute(f"{tampering} WHERE first_seq = 11")
        connection.commit()
    with closing(open_ledger(tmp_path)) as ledger:
        with pytest.raises(Fault):
            ledger.find_serial((13).to_bytes(14))
        with pytest.raises(Fault):
            list(ledger.rows())
        assert ledger.find_serial((3).to_bytes(14)).seq == 3


def test_a_full_disk_refuses_the_batch_and_keeps_the_chain(tmp_path, ledger):
    ledger.append(entries(1, 5))
    before = ledger.last()
    connection = ledger._active.connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(Unavailable):
        ledger.append([Entry(1, bytes(1000)) for _ in range(64)])
    assert ledger.last() == before
    connection.execute("PRAGMA max_page_count=100000")
    assert ledger.append(entries(6, 2)) == 6
    assert_sound(tmp_path, 7)


@pytest.mark.parametrize("octets", [64, 100_000])
def test_a_failing_write_refuses_the_batch_and_keeps_the_chain(tmp_path, ledger, octets):
    ledger.append(entries(1, 5))
    before = ledger.last()
    # 8 MB do not fit the page cache: the second limit strikes amid the batch, the first at once.
    with files_limited_to(octets), pytest.raises(Unavailable):
        ledger.append([Entry(1, bytes(1 << 20)) for _ in range(8)])
    assert ledger.last() == before
    assert ledger.append(entries(6, 2)) == 6
    assert_sound(tmp_path, 7)


def test_a_failing_roll_over_keeps_the_chain(tmp_path):
    write_ledger(tmp_path, 10, rows_per_segment=10)
    with closing(open_ledger(tmp_path, rows_per_segment=10)) as ledger:
        with files_limited_to(4096), pytest.raises(Unavailable):
            ledger.append(entries(11, 1))
        assert ledger.last()[0] == 10
        assert ledger.append(entries(11, 1)) == 11
    assert_sound(tmp_path, 11)


def test_a_damaged_database_is_a_fault(tmp_path):
    write_ledger(tmp_path, 10, rows_per_segment=100)
    segment_path(tmp_path, 1).write_bytes(b"no database at all, but long enough" * 300)
    with pytest.raises(Fault):
        open_ledger(tmp_path)


def test_a_lost_segment_is_a_fault_to_whoever_reads_there(tmp_path):
    write_ledger(tmp_path, 25, rows_per_segment=10)
    segment_path(tmp_path, 1).unlink()
    with closing(open_ledger(tmp_path, rows_per_segment=10)) as ledger, pytest.raises(Fault):
        ledger.find_serial((1).to_bytes(14))


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM batch WHERE first_seq > 10",
        "UPDATE batch SET chain = zeroblob(32) WHERE first_seq = 11",
    ],
)
def test_rows_that_contradict_the_last_head_are_not_continued(tmp_path, tampering):
    write_ledger(tmp_path, 20, rows_per_segment=100)
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as connection:
        connection.execute(tampering)
        connection.commit()
    with pytest.raises(Fault, match="row 20"):
        open_ledger(tmp_path)


@pytest.mark.parametrize("version", [1, 3])
def test_a_segment_of_another_format_is_a_fault(tmp_path, version):
    write_ledger(tmp_path, 10, rows_per_segment=100)
    with closing(sqlite3.connect(segment_path(tmp_path, 1))) as connection:
        connection.execute("UPDATE meta SET format_version = ?", (version,))
        connection.commit()
    with pytest.raises(Fault, match=f"format {version}, not 2"):
        open_ledger(tmp_path)
    with pytest.raises(Fault, match=f"format {version}, not 2"):
        find_row(tmp_path, (1).to_bytes(14))


def test_a_ledger_has_one_writer(tmp_path, ledger):
    with pytest.raises(Conflict):
        open_ledger(tmp_path)
    assert_sound(tmp_path, 0)


def test_the_lock_goes_with_a_failed_opening(tmp_path):
    write_ledger(tmp_path, 10, rows_per_segment=100)
    heads = tmp_path / "heads" / "00000001.heads"
    kept = heads.read_bytes()
    heads.write_bytes(b"nothing\nof a head\n")
    with pytest.raises(Fault):
        open_ledger(tmp_path)
    heads.write_bytes(kept)
    open_ledger(tmp_path).close()


def test_threads_may_take_turns(ledger):
    for first in (1, 3):
        thread = threading.Thread(target=ledger.append, args=(entries(first, 2),))
        thread.start()
        thread.join()
        assert ledger.last()[0] == first + 1


def test_a_head_is_kept_when_rows_wait_a_second(ledger):
    assert ledger.keep_head(0) is None
    ledger.append(entries(1, 3))
    assert ledger.keep_head(SECOND_NS - 1) is None
    head = ledger.keep_head(SECOND_NS)
    assert (head.seq, head.chain) == ledger.last()
    assert head.at == NOON
    assert verify_head(head_message(head.seq, head.chain, head.at), head.signature)
    assert ledger.keep_head(9 * SECOND_NS) is None


def test_a_head_is_kept_when_a_thousand_rows_wait(tmp_path):
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.append(entries(1, 999))
        assert ledger.keep_head(0) is None
        ledger.append(entries(1000, 1))
        assert ledger.keep_head(0).seq == 1000


def test_rows_left_without_a_head_by_a_crash_get_one_after_opening(tmp_path):
    with closing(open_ledger(tmp_path)) as ledger:
        ledger.append(entries(1, 3))
    with closing(open_ledger(tmp_path)) as again:
        again.keep_head(5 * SECOND_NS)
        assert again.keep_head(6 * SECOND_NS).seq == 3


def test_a_head_torn_by_a_crash_is_told_at_opening(tmp_path):
    write_ledger(tmp_path, 10, rows_per_segment=100)
    with closing(open_ledger(tmp_path)) as ledger:
        assert not ledger.was_head_torn
    with (tmp_path / "heads" / "00000001.heads").open("ab") as heads:
        heads.write(b'{"v":1,')
    with closing(open_ledger(tmp_path)) as ledger:
        assert ledger.was_head_torn
    assert_sound(tmp_path, 10)


def test_a_head_that_cannot_be_written_is_tried_again(tmp_path, ledger):
    ledger.append(entries(1, 3))
    ledger.write_head()
    ledger.append(entries(4, 3))
    heads = tmp_path / "heads" / "00000001.heads"
    with files_limited_to(size_of(heads) + 20), pytest.raises(Unavailable):
        ledger.write_head()
    assert ledger.write_head().seq == 6
    verdict = check_ledger(tmp_path, verify_head=verify_head)
    assert (verdict.heads, verdict.headed_seq, verdict.first_bad) == (2, 6, None)


def test_a_signature_that_fails_stops_the_roll_over_alone(tmp_path):
    def refuse(message):
        raise Fault("the key is gone")

    with closing(open_ledger(tmp_path, rows_per_segment=10, sign=refuse)) as ledger:
        ledger.append(entries(1, 10))
        with pytest.raises(Fault):
            ledger.append(entries(11, 1))
        assert ledger.last()[0] == 10


def test_a_kind_beyond_an_octet_is_refused_before_anything_is_written(ledger):
    with pytest.raises(Exception, match="format requires"):
        ledger.append([Entry(1, b""), Entry(256, b"")])
    assert ledger.last() == (0, GENESIS)


def test_the_link_tells_a_serial_from_a_body():
    sm3 = sm3_hash()
    assert link(sm3, GENESIS, 1, Entry(1, b"bc", b"a")) != link(
        sm3, GENESIS, 1, Entry(1, b"c", b"ab")
    )
