"""Octets in base64url without padding, as JSON and QR carry them.  RFC 4648 section 5."""

from __future__ import annotations

import base64
import re

from shiyin_cosign.errors import Malformed

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def encode(octets: bytes) -> str:
    """Render octets."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")


def decode(text: str) -> bytes:
    """Read octets.  Raises Malformed for other symbols and for stray bits."""
    if _ALPHABET.fullmatch(text) is None or len(text) % 4 == 1:
        raise Malformed("not base64url without padding")
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(octets) != text:
        raise Malformed("base64url with stray bits")
    return octets
