"""A CMP answer: read or Malformed, believed only from who knows the secret, heard once."""

from kit.exchange_seeds import CMP_NOW, CMP_SECRET, begun_update

from appliance.errors import Malformed, Refused
from appliance.pki.cmp.reading import read_answer


def one_input(data: bytes) -> None:
    exchange, _ = begun_update()
    try:
        answer = read_answer(data)
    except Malformed:
        answer = None
    try:
        outcome = exchange.hear(data, CMP_NOW)
    except (Malformed, Refused):
        return
    assert answer is not None
    assert CMP_SECRET.fits(answer.algorithm, answer.protected, answer.protection)
    assert outcome.following == b"" or outcome.following.startswith(b"\x30")
