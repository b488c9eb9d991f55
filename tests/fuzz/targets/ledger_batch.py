"""Batches of the ledger: one encoding each, and entries that can be chained and packed again."""

from appliance.errors import Conflict, Malformed
from appliance.store.ledger.batches import decode_entries, encode_entries, make_batches
from appliance.store.ledger.chain import GENESIS


def one_input(data: bytes) -> None:
    try:
        entries = decode_entries(data)
    except Malformed:
        return
    assert entries
    assert encode_entries(entries) == data
    try:
        batches = make_batches(lambda linked: linked[:32], 1, GENESIS, entries)
    except Conflict:
        return
    assert [entry for batch in batches for entry in decode_entries(batch.body)] == entries
    assert batches[-1].last_seq == len(entries)
