import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.ledgers import NOON, sign_head

from appliance.errors import Fault, Malformed
from appliance.quantities import Utc
from appliance.store.ledger.heads import (
    Head,
    HeadsFile,
    compact_heads,
    decode_head,
    encode_head,
    head_message,
    heads_numbers,
    is_head_due,
    read_lines,
)

SECOND_NS = 1_000_000_000
HEADS = st.builds(
    Head,
    seq=st.integers(1, (1 << 63) - 1),
    chain=st.binary(min_size=32, max_size=32),
    at=st.builds(Utc, st.integers(-(1 << 63), (1 << 63) - 1)),
    signature=st.binary(max_size=80),
)


def head(seq: int) -> Head:
    chain = bytes([seq]) * 32
    return Head(seq, chain, NOON, sign_head(head_message(seq, chain, NOON)))


def write(path, *heads: Head) -> None:
    path.write_bytes(b"".join(map(encode_head, heads)))


@given(HEADS)
def test_a_head_is_read_as_it_was_written(made):
    line = encode_head(made)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode_head(line[:-1]) == made


@given(st.binary(max_size=200))
def test_garbage_is_malformed(line):
    with pytest.raises(Malformed):
        decode_head(line)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"seq": 0},
        {"seq": 1 << 63},
        {"seq": "1"},
        {"chain": "00"},
        {"chain": "zz" * 32},
        {"at": 1 << 63},
        {"at": None},
        {"sig": "0"},
        {"more": 1},
    ],
)
def test_a_line_with_another_field_or_range_is_malformed(change):
    fields = json.loads(encode_head(head(1))) | change
    with pytest.raises(Malformed):
        decode_head(json.dumps(fields).encode())


def test_a_head_states_version_sequence_chain_instant_and_signature():
    assert json.loads(encode_head(Head(5, bytes(32), Utc(7), b"\x01\x02"))) == {
        "v": 1,
        "seq": 5,
        "chain": "00" * 32,
        "at": 7,
        "sig": "0102",
    }


def test_what_is_signed_has_a_domain_of_its_own():
    message = head_message(5, b"\xaa" * 32, Utc(7))
    assert message == b"shiyin ledger head v1\0" + b"\0" * 7 + b"\5" + b"\xaa" * 32 + b"\0" * 7 + (
        b"\7"
    )


@pytest.mark.parametrize(
    ("rows", "elapsed_ns", "is_due"),
    [
        (0, 100 * SECOND_NS, False),
        (1, SECOND_NS - 1, False),
        (1, SECOND_NS, True),
        (999, 0, False),
        (1000, 0, True),
    ],
)
def test_a_head_is_due_after_a_second_or_a_thousand_rows(rows, elapsed_ns, is_due):
    assert is_head_due(rows, elapsed_ns) is is_due


def test_heads_are_appended_and_the_last_is_known_after_opening(tmp_path):
    path = tmp_path / "00000001.heads"
    file = HeadsFile.open(path)
    assert file.last is None
    file.append(head(1))
    file.append(head(2))
    file.close()
    again = HeadsFile.open(path)
    assert (again.last, again.was_torn) == (head(2), False)
    again.close()
    assert path.read_bytes() == encode_head(head(1)) + encode_head(head(2))


@pytest.mark.parametrize("torn", [b"{", b"\x00" * 100, encode_head(head(3))[:-1], b"{}\n", b"\n"])
def test_a_torn_last_line_is_dropped_at_opening(tmp_path, torn):
    path = tmp_path / "00000001.heads"
    path.write_bytes(encode_head(head(1)) + encode_head(head(2)) + torn)
    file = HeadsFile.open(path)
    assert (file.last, file.was_torn) == (head(2), True)
    file.append(head(3))
    file.close()
    assert path.read_bytes() == b"".join(map(encode_head, (head(1), head(2), head(3))))


def test_a_file_that_is_one_torn_line_is_emptied(tmp_path):
    path = tmp_path / "00000001.heads"
    path.write_bytes(b'{"v":1')
    file = HeadsFile.open(path)
    assert (file.last, file.was_torn, path.read_bytes()) == (None, True, b"")
    file.close()


@pytest.mark.parametrize("tail", [b"bad\nbad\n", b"bad\ntorn", b"\x00" * 10_000])
def test_more_than_one_bad_line_at_the_end_is_a_fault(tmp_path, tail):
    path = tmp_path / "00000001.heads"
    path.write_bytes(encode_head(head(1)) + tail)
    with pytest.raises(Fault):
        HeadsFile.open(path)


def test_what_a_broken_write_left_goes_before_the_next_head(tmp_path):
    path = tmp_path / "00000001.heads"
    file = HeadsFile.open(path)
    file.append(head(1))
    with path.open("ab") as other:
        other.write(b'{"v":1,"se')
    file.append(head(2))
    file.close()
    assert path.read_bytes() == encode_head(head(1)) + encode_head(head(2))


def test_lines_added_while_reading_are_left_for_the_next_time(tmp_path):
    path = tmp_path / "00000001.heads"
    write(path, head(1), head(2))
    with path.open("rb") as file:
        lines = read_lines(file)
        write(path, head(1), head(2), head(3))
        assert list(lines) == [encode_head(head(1)), encode_head(head(2))]


def test_reading_ends_when_a_torn_line_is_dropped_meanwhile(tmp_path):
    path = tmp_path / "00000001.heads"
    path.write_bytes(encode_head(head(1)) + b"torn")
    with path.open("rb") as file:
        lines = read_lines(file)
        write(path, head(1))
        assert list(lines) == [encode_head(head(1))]


def test_compacting_keeps_the_last_head(tmp_path):
    path = tmp_path / "00000001.heads"
    write(path, head(1), head(2), head(3))
    compact_heads(path)
    assert path.read_bytes() == encode_head(head(3))
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_compacting_again_leaves_the_very_file(tmp_path):
    path = tmp_path / "00000001.heads"
    write(path, head(3))
    before = path.stat().st_ino
    compact_heads(path)
    assert path.stat().st_ino == before


def test_compacting_leaves_alone_what_holds_no_head(tmp_path):
    path = tmp_path / "00000001.heads"
    compact_heads(path)
    assert not path.exists()
    path.touch()
    compact_heads(path)
    assert path.read_bytes() == b""


def test_only_files_named_by_number_count_as_heads(tmp_path):
    assert heads_numbers(tmp_path) == []
    (tmp_path / "heads").mkdir()
    for name in ("00000002.heads", "00000001.heads", "00000001.new", "1.heads"):
        (tmp_path / "heads" / name).touch()
    assert heads_numbers(tmp_path) == [1, 2]
