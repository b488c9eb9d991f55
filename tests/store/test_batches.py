import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Conflict, Malformed
from appliance.store.ledger.batches import (
    SERIES_OCTETS,
    Batch,
    chains_of,
    decode_entries,
    encode_entries,
    make_batches,
    series_range,
)
from appliance.store.ledger.chain import GENESIS, Entry, link, sm3_hash

SM3 = sm3_hash()

serials = st.binary(min_size=1, max_size=255)
any_entry = st.builds(Entry, st.integers(0, 255), st.binary(max_size=300), st.none() | serials)
some_entries = st.lists(any_entry, min_size=1, max_size=20)


@given(some_entries)
def test_entries_come_out_as_they_were_put_in(entries):
    assert decode_entries(encode_entries(entries)) == entries


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: b"\x01" + tail))
def test_garbage_is_malformed_or_the_one_encoding_of_what_it_says(data):
    try:
        entries = decode_entries(data)
    except Malformed:
        return
    assert entries
    assert encode_entries(entries) == data


@given(some_entries, st.data())
def test_a_body_cut_short_is_malformed_or_ends_with_an_entry(entries, data):
    body = encode_entries(entries)
    cut = body[: data.draw(st.integers(0, len(body) - 1))]
    ends = [len(encode_entries(entries[:count])) for count in range(1, len(entries) + 1)]
    if len(cut) in ends:
        assert decode_entries(cut) == entries[: ends.index(len(cut)) + 1]
    else:
        with pytest.raises(Malformed):
            decode_entries(cut)


def test_the_layout_of_a_body_is_as_documented():
    body = encode_entries([Entry(3, b"body", b"serial"), Entry(1, b"")])
    assert body == b"\x01" + b"\x03\x06\0\0\0\x04serialbody" + b"\x01\0\0\0\0\0"


@pytest.mark.parametrize("entry", [Entry(256, b""), Entry(-1, b""), Entry(1, b"", bytes(256))])
def test_what_does_not_fit_its_width_is_not_encoded(entry):
    with pytest.raises(struct.error):
        encode_entries([entry])


@given(st.lists(any_entry, max_size=20, unique_by=lambda entry: entry.serial or object()))
def test_batches_hold_the_entries_in_order_and_one_series_each(entries):
    batches = make_batches(SM3, 7, GENESIS, entries)
    inside = [entry for batch in batches for entry in decode_entries(batch.body)]
    assert inside == entries
    seq, chain = 7, GENESIS
    for batch in batches:
        assert batch.first_seq == seq
        for entry in decode_entries(batch.body):
            chain = link(SM3, chain, seq, entry)
            seq += 1
        assert (batch.last_seq, batch.chain) == (seq - 1, chain)
        assert_one_series(batch)


def assert_one_series(batch: Batch) -> None:
    inside = [entry.serial for entry in decode_entries(batch.body) if entry.serial]
    assert len({serial[:SERIES_OCTETS] for serial in inside}) <= 1
    assert batch.first_serial == min(inside, default=None)
    assert batch.last_serial == max(inside, default=None)
    for serial in inside:
        least, greatest = series_range(serial)
        assert least <= batch.first_serial <= batch.last_serial <= greatest


def test_a_batch_of_one_series_is_one():
    entries = [
        Entry(1, b"event"),
        *(Entry(3, b"token", bytes((7,)) * 13 + bytes((n,))) for n in (5, 3, 9)),
        Entry(1, b"event"),
    ]
    (batch,) = make_batches(SM3, 1, GENESIS, entries)
    assert (batch.first_serial[-1], batch.last_serial[-1]) == (3, 9)
    assert batch.chain == chains_of(SM3, 1, GENESIS, entries)[-1]


def test_nothing_makes_no_batch():
    assert make_batches(SM3, 1, GENESIS, []) == []


def test_a_serial_twice_is_a_conflict():
    with pytest.raises(Conflict):
        make_batches(SM3, 1, GENESIS, [Entry(1, b"", b"a"), Entry(2, b"", b"a")])
