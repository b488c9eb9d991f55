"""CASIC messages: both ways, a worked frame of a manual, and garbage."""

import contextlib
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Garbled
from drivers.gnss import casic
from drivers.gnss.splitter import Frame, Protocol, Splitter

U1, U2, U4 = st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 2**32 - 1)
I1 = st.integers(-128, 127)
R4 = st.floats(width=32, allow_nan=False, allow_infinity=False)
R8 = st.floats(allow_nan=False, allow_infinity=False)
SYSTEM = st.builds(casic.SystemTime, R8, R4, U2, I1, U1)
MESSAGES = st.one_of(
    st.builds(casic.NavTimeUtc, U4, R4, R4, U2, U2, U1, U1, U1, U1, U1, U1, U1, U1),
    st.builds(casic.NavClock, U4, R4, R4, R4, st.tuples(SYSTEM, SYSTEM, SYSTEM)),
    st.builds(casic.TimTp, U4, R4, R8, U2, U1, U1),
    st.builds(casic.CfgTmode, U4, R8, R8, R8, R4, U4, R4),
    st.builds(casic.CfgMsg, U2, U2),
    st.builds(casic.Ack, U2, st.booleans()),
)
KNOWN = [0x0110, 0x0111, 0x0200, 0x0606, 0x0601, 0x0500, 0x0501, 0x0103]


@given(MESSAGES)
def test_what_is_written_is_read_the_same(message):
    splitter = Splitter()
    (frame,) = splitter.feed(casic.encode(message))
    assert casic.decode(frame.message, frame.body) == message
    assert not splitter.garbled


@given(st.sampled_from(KNOWN), st.binary(max_size=80) | st.sampled_from([24, 64, 40]).map(bytes))
def test_garbage_is_nothing_or_garbled(message, payload):
    with contextlib.suppress(Garbled):
        decoded = casic.decode(message, payload)
        if isinstance(decoded, casic.TimTp):
            assert isinstance(decoded.error_ps, int)


def test_the_worked_frame_of_a_manual_is_a_frame():
    """Quectel L76K GNSS Protocol Specification V1.1: the answer to a query of CFG-PRT."""
    frame = bytes.fromhex("bace080006000107c00800c2010009c9c708")
    assert Splitter().feed(frame) == [Frame(Protocol.CASIC, 0x0600, frame[6:-4])]
    assert casic.frame(0x0600, frame[6:-4]) == frame


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_pulse_error_that_is_no_number_is_garbled(value):
    payload = struct.pack("<IfdHBB4x", 0, value, 0.0, 0, 0, 0)
    with pytest.raises(Garbled):
        casic.decode(casic.TIM_TP, payload)


def test_time_counts_when_all_of_it_comes_from_satellites():
    def utc(valid, date_valid):
        return casic.NavTimeUtc(0, 0, 0, 0, 2026, 9, 1, 0, 0, 0, valid, 0, date_valid)

    assert utc(7, 2).is_valid
    assert utc(7, 3).is_valid
    assert not utc(3, 3).is_valid
    assert not utc(7, 1).is_valid
    assert not utc(7, 0).is_valid


def test_the_error_of_a_pulse_is_told_in_ps():
    assert casic.TimTp(0, -2.5e-9, 0, 0, 0, 3).error_ps == -2500
