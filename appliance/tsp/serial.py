"""Serial numbers that no other process, node or restored copy will ever give.

node (8 bit) | drawn at process start (64 bit) | counter (40 bit): unique without coordination and
without a write, and always 14 octets of DER, since the node's number is positive and below 128.
"""

from __future__ import annotations

from appliance.errors import Fault, Refused

SERIAL_OCTETS = 14
START_RANDOM_OCTETS = 8

_COUNTER_OCTETS = 5
_COUNTER_END = 1 << 8 * _COUNTER_OCTETS


class SerialSource:
    """Counts serial numbers for one process: `start_random` is 8 octets drawn at its start."""

    __slots__ = ("_counter", "_prefix")

    def __init__(self, node: int, start_random: bytes, counter: int = 0) -> None:
        if not 1 <= node <= 127:
            raise Refused("a node's number is from 1 to 127")
        if len(start_random) != START_RANDOM_OCTETS:
            raise Fault("the random part of a serial number is 8 octets")
        self._prefix = bytes((node,)) + start_random
        self._counter = counter

    def next(self) -> bytes:
        """Give the next serial number, 14 octets.  Raises Fault when the counter is used up."""
        counter = self._counter
        if counter >= _COUNTER_END:
            raise Fault("the serial numbers of this process are used up")
        self._counter = counter + 1
        return self._prefix + counter.to_bytes(_COUNTER_OCTETS, "big")
