"""Signed heads of the ledger: what is read can be written, and what was signed can be told."""

from appliance.errors import Malformed
from appliance.store.ledger.heads import decode_head, encode_head, head_message


def one_input(data: bytes) -> None:
    try:
        head = decode_head(data)
    except Malformed:
        return
    assert decode_head(encode_head(head)[:-1]) == head
    assert head.chain in head_message(head.seq, head.chain, head.at)
