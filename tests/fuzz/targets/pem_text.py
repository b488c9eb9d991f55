"""PEM: every block that is read can be written and read again."""

from appliance.asn1 import pem
from appliance.errors import Malformed

LABEL = "CERTIFICATE"


def one_input(data: bytes) -> None:
    try:
        blocks = pem.read_all(data, LABEL)
    except Malformed:
        return
    assert len(blocks) <= pem.MAX_BLOCKS
    assert pem.read_all(b"".join(pem.write(LABEL, one) for one in blocks), LABEL) == blocks
    try:
        assert pem.read_one(data, LABEL) == blocks[0]
    except Malformed:
        assert len(blocks) != 1
