import sqlite3
from contextlib import closing

import pytest
from kit.ledgers import write_ledger

from appliance.errors import Conflict, Unavailable
from appliance.store.ledger.segment_index import Keys, index_path, index_segment
from appliance.store.ledger.segments import open_for_reading, segment_path


def keys_of(kind: int, body: bytes) -> Keys | None:
    if kind != 1:
        return None
    number = int(body.removeprefix(b"body "))
    return Keys(digest=body, client=f"client {number % 3}", at_us=number * 1000)


@pytest.fixture
def segment(tmp_path):
    write_ledger(tmp_path, 25, rows_per_segment=20)
    return segment_path(tmp_path, 1)


def ask(path, question: str, *values: object) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [seq for (seq,) in connection.execute(question, values)]


def test_a_sealed_segment_is_indexed_by_digest_client_and_time(segment):
    index = index_segment(segment, keys_of)
    assert index.name == "00000001.index.sqlite"
    assert ask(index, "SELECT seq FROM row_key WHERE digest = ?", b"body 7") == [7]
    assert ask(index, "SELECT seq FROM row_key WHERE client = ?", "client 1") == [
        *(1, 4, 7, 13, 16, 19),
    ]
    assert ask(index, "SELECT seq FROM row_key WHERE at_us BETWEEN 8000 AND 12000") == [
        8,
        9,
        11,
        12,
    ]


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("digest = x'00'", "by_digest"),
        ("client = 'a' AND at_us > 5", "by_client"),
        ("at_us BETWEEN 1 AND 2", "by_time"),
    ],
)
def test_each_question_has_its_index(segment, condition, name):
    with closing(sqlite3.connect(index_segment(segment, keys_of))) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT seq FROM row_key WHERE {condition}")
        assert name in plan.fetchone()[3]


def test_rows_without_keys_stay_out(segment):
    index = index_segment(segment, keys_of)
    assert ask(index, "SELECT count(*) FROM row_key") == [18]


def test_indexing_leaves_the_segment_and_the_folder_as_they_were(segment):
    before = segment.read_bytes()
    index_segment(segment, keys_of)
    assert segment.read_bytes() == before
    left = sorted(path.name for path in segment.parent.iterdir())
    assert left == [
        *("00000001.index.sqlite", "00000001.sqlite", "00000002.sqlite", "writer.lock"),
    ]


def test_an_index_that_is_there_is_not_made_again(segment):
    def never(kind: int, body: bytes) -> Keys | None:
        raise AssertionError

    first = index_segment(segment, keys_of)
    assert index_segment(segment, never) == first


def test_a_broken_run_leaves_no_index_and_is_repeated(segment):
    class StoppedError(Exception):
        pass

    def stop(kind: int, body: bytes) -> Keys | None:
        if body == b"body 13":
            raise StoppedError
        return keys_of(kind, body)

    with pytest.raises(StoppedError):
        index_segment(segment, stop)
    assert not index_path(segment).exists()
    index = index_segment(segment, keys_of)
    assert ask(index, "SELECT count(*) FROM row_key") == [18]


def test_what_a_killed_run_left_is_no_hindrance(segment):
    segment.with_suffix(".index.new").write_bytes(b"half an index")
    index = index_segment(segment, keys_of)
    assert ask(index, "SELECT count(*) FROM row_key") == [18]


def test_a_segment_still_written_is_not_indexed(segment):
    with pytest.raises(Conflict):
        index_segment(segment.with_name("00000002.sqlite"), keys_of)


def test_a_segment_that_is_not_there_cannot_be_indexed(segment):
    with pytest.raises(Unavailable):
        index_segment(segment.with_name("00000009.sqlite"), keys_of)


def test_a_sealed_segment_is_one_file_read_without_a_journal(segment):
    with open_for_reading(segment) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT sum(rows) FROM batch").fetchone() == (20,)
    assert segment.stat().st_mode & 0o777 == 0o440
