"""The messages of the TCP transport of RFC 3161 3.3: length (4), flag (1), value."""

from __future__ import annotations

import enum
import struct

from appliance.errors import Malformed

HEAD_OCTETS = 4
VALUE_LIMIT = 64 * 1024
"""Above the 4 KiB of a TimeStampReq, so that a larger one is refused in TSP's own terms."""

_REFERENCE = struct.Struct(">I")
_POLL = struct.Struct(">II")


class Flag(enum.IntEnum):
    """What a message is; clients send TSA_MSG and POLL_REQ, servers the others."""

    TSA_MSG = 0
    POLL_REP = 1
    POLL_REQ = 2
    NEG_POLL_REP = 3
    PARTIAL_MSG_REP = 4
    FINAL_MSG_REP = 5
    ERROR_MSG_REP = 6


class MessageReader:
    """Cuts a stream into messages; holds at most one that is not complete.

    `fault` tells of a length that no message has, after which nothing is read, or of a message
    that did not end; empty till then.
    """

    __slots__ = ("_buffer", "fault")

    def __init__(self) -> None:
        self._buffer = b""
        self.fault = ""

    @property
    def is_amid(self) -> bool:
        """Tell whether a message has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take octets and give the messages they complete before any fault: (flag, value)."""
        if self.fault:
            return []
        buffer = self._buffer + data if self._buffer else data
        position, end = 0, len(buffer)
        messages = []
        while end - position >= HEAD_OCTETS:
            length = int.from_bytes(buffer[position : position + HEAD_OCTETS], "big")
            if not 1 <= length <= VALUE_LIMIT + 1:
                self.fault = f"a message of {length} octets: 1 to {VALUE_LIMIT + 1} are taken"
                break
            start = position + HEAD_OCTETS
            stop = start + length
            if stop > end:
                break
            messages.append((buffer[start], buffer[start + 1 : stop]))
            position = stop
        self._buffer = buffer[position:]
        return messages

    def end(self) -> None:
        """Take the end of the stream, which is a fault amid a message."""
        if self.is_amid and not self.fault:
            self.fault = "the stream ended amid a message"


def encode_message(flag: Flag, value: bytes) -> bytes:
    """Render one message."""
    return (len(value) + 1).to_bytes(HEAD_OCTETS, "big") + bytes((flag,)) + value


def encode_poll(flag: Flag, reference: int, check_after_s: int, value: bytes = b"") -> bytes:
    """Render pollRep or partialMsgRep: a reference, when to ask again, perhaps a TimeStampResp."""
    return encode_message(flag, _POLL.pack(reference, check_after_s) + value)


def decode_reference(value: bytes) -> int:
    """Read the value of pollReq.  Raises Malformed."""
    if len(value) != _REFERENCE.size:
        raise Malformed("a pollReq holds a reference of 4 octets")
    return int(_REFERENCE.unpack(value)[0])


def decode_poll(value: bytes) -> tuple[int, int, bytes]:
    """Read pollRep or partialMsgRep: reference, seconds, the rest.  Raises Malformed."""
    if len(value) < _POLL.size:
        raise Malformed("a polling reply holds a reference and a time, 4 octets each")
    reference, check_after_s = _POLL.unpack_from(value)
    return reference, check_after_s, value[_POLL.size :]
