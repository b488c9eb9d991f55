"""PEM (RFC 7468): a DER value in base64 between two labelled lines."""

from __future__ import annotations

import base64
import binascii
import re

from appliance.errors import Malformed

MAX_TEXT = 1 << 20
MAX_BLOCKS = 256

_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?\n([A-Za-z0-9+/=\r\n]*)-----END \1-----"
)


def write(label: str, der: bytes) -> bytes:
    """Render one block, 64 characters a line."""
    text = base64.b64encode(der)
    lines = b"".join(text[at : at + 64] + b"\n" for at in range(0, len(text), 64))
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), lines, label.encode())


def read_all(
    text: bytes, label: str, *, limit: int = MAX_TEXT, max_blocks: int = MAX_BLOCKS
) -> list[bytes]:
    """Read every block labelled `label`, in order; other text is explanation and is passed over.

    Raises Malformed past `limit` octets or `max_blocks` blocks, and for base64 that is not.
    """
    if len(text) > limit:
        raise Malformed("PEM text is too long")
    wanted = label.encode()
    blocks = [body for found, body in _BLOCK.findall(text) if found == wanted]
    if len(blocks) > max_blocks:
        raise Malformed("too many PEM blocks")
    return [_decode(body) for body in blocks]


def read_one(text: bytes, label: str) -> bytes:
    """Read the only block labelled `label`.  Raises Malformed unless there is exactly one."""
    blocks = read_all(text, label)
    if len(blocks) != 1:
        raise Malformed(f"{len(blocks)} PEM blocks where one {label} belongs")
    return blocks[0]


def _decode(body: bytes) -> bytes:
    try:
        return base64.b64decode(body.replace(b"\r", b"").replace(b"\n", b""), validate=True)
    except binascii.Error:
        raise Malformed("PEM body is not base64") from None
