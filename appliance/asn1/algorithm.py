"""AlgorithmIdentifier (RFC 5280 4.1.1.2): read, remember and render.

A box meets the same dozen algorithms and OIDs for ever; a small cache makes parsing a look-up.
"""

from __future__ import annotations

import functools

import msgspec

from appliance.asn1 import der
from appliance.errors import Malformed

MAX_ALGORITHM_OCTETS = 256

_CACHED_VALUES = 256


class AlgorithmIdentifier(msgspec.Struct, frozen=True, gc=False):
    """An algorithm by dotted OID; `parameters` is their TLV, empty when absent."""

    oid: str
    parameters: bytes

    @property
    def is_plain(self) -> bool:
        """Tell whether the parameters are absent or NULL."""
        return self.parameters in (b"", der.NULL_VALUE)


def read_algorithm(data: bytes, position: int, end: int) -> tuple[AlgorithmIdentifier, int]:
    """Read an AlgorithmIdentifier at `position`: (value, end).  Raises Malformed."""
    _, stop = der.expect(data, position, end, der.SEQUENCE)
    if stop - position > MAX_ALGORITHM_OCTETS:
        raise Malformed("AlgorithmIdentifier is too long")
    return parse_algorithm(data[position:stop]), stop


@functools.lru_cache(_CACHED_VALUES)
def parse_algorithm(tlv: bytes) -> AlgorithmIdentifier:
    """Parse a whole AlgorithmIdentifier TLV.  Raises Malformed."""
    start, end = der.whole(tlv, der.SEQUENCE)
    oid_start, stop = der.expect(tlv, start, end, der.OBJECT_IDENTIFIER)
    parameters = tlv[stop:end]
    if parameters:
        tag, parameters_start, parameters_stop = der.read(tlv, stop, end)
        der.finish(parameters_stop, end)
        if tag == der.NULL:
            der.finish(parameters_start, end)
    return AlgorithmIdentifier(der.oid_text(tlv, oid_start, stop), parameters)


def read_oid(data: bytes, position: int, end: int) -> tuple[str, int]:
    """Read an OBJECT IDENTIFIER at `position`: (dotted form, end).  Raises Malformed."""
    start, stop = der.expect(data, position, end, der.OBJECT_IDENTIFIER)
    return _dotted(data[start : min(stop, start + 65)]), stop


@functools.lru_cache(_CACHED_VALUES)
def _dotted(content: bytes) -> str:
    return der.oid_text(content, 0, len(content))


def algorithm_identifier(oid: str, *, null: bool = False) -> bytes:
    """Render an AlgorithmIdentifier with parameters absent, or NULL."""
    return der.sequence(der.oid(oid), der.NULL_VALUE if null else b"")
