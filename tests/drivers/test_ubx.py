"""UBX messages: both ways, frames of real receivers, configuration, and garbage."""

import contextlib

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Garbled
from drivers.gnss import ubx, ubx_setup
from drivers.gnss.splitter import Frame, Protocol, Splitter

U1, U2, U4 = st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 2**32 - 1)
I1, I2, I4 = (
    st.integers(-128, 127),
    st.integers(-(2**15), 2**15 - 1),
    st.integers(-(2**31), 2**31 - 1),
)
TEXT = st.text("abcXYZ.019 =", max_size=10)
MESSAGES = st.one_of(
    st.builds(ubx.NavTimeGps, U4, I4, I2, I1, U1, U4),
    st.builds(ubx.NavTimeBds, U4, U4, I4, I2, I1, U1, U4),
    st.builds(ubx.NavTimeUtc, U4, U4, I4, U2, U1, U1, U1, U1, U1, U1),
    st.builds(ubx.NavTimeLs, U4, U1, U1, I1, U1, I1, I4, U2, U2, U1),
    st.builds(ubx.NavClock, U4, I4, I4, U4, U4),
    st.builds(
        ubx.NavSat,
        U4,
        U1,
        st.lists(st.builds(ubx.NavSatellite, U1, U1, U1, I1, I2, I2, U4), max_size=9).map(tuple),
    ),
    st.builds(ubx.TimTp, U4, U4, I4, U2, U1, U1),
    st.builds(
        ubx.MonRf,
        U1,
        st.lists(
            st.builds(ubx.RfBlock, U1, U1, U1, U1, U4, U2, U2, U1, I1, U1, I1, U1), max_size=3
        ).map(tuple),
    ),
    st.builds(ubx.MonHw, U2, U2, U1, U1, U1, U1),
    st.builds(ubx.SecSig, st.integers(0, 3), st.integers(0, 7)),
    st.builds(ubx.MonVer, TEXT, TEXT, st.lists(TEXT, max_size=3).map(tuple)),
    st.builds(ubx.Ack, U2, st.booleans()),
)


def only_frame(octets):
    splitter = Splitter()
    (frame,) = splitter.feed(octets)
    assert not splitter.garbled
    return frame


@given(MESSAGES)
def test_what_is_written_is_read_the_same(message):
    frame = only_frame(ubx.encode(message))
    assert ubx.decode(frame.message, frame.body) == message


@given(st.sampled_from([*ubx._PLAIN, *ubx._READERS, 0x0107]), st.binary(max_size=120), MESSAGES, U1)
def test_garbage_is_nothing_or_garbled(message, payload, sound, cut):
    with contextlib.suppress(Garbled):
        ubx.decode(message, payload)
    whole = only_frame(ubx.encode(sound))
    with contextlib.suppress(Garbled):
        ubx.decode(whole.message, whole.body[:cut])


def test_a_frame_of_a_receiver_is_read():
    octets = bytes.fromhex("b5620d011000704a4d110000000000000000e8080200285c")
    frame = only_frame(octets)
    assert frame == Frame(Protocol.UBX, ubx.TIM_TP, octets[6:-2])
    assert ubx.decode(frame.message, frame.body) == ubx.TimTp(290_278_000, 0, 0, 2280, 2, 0)


def test_signal_security_of_version_2_is_read():
    """One octet of flags: jamming in bits 2..1, spoofing in bits 6..4."""
    payload = bytes((2, 0b0011_0101, 0, 1)) + bytes(4)
    assert ubx.decode(ubx.SEC_SIG, payload) == ubx.SecSig(2, 3)
    with pytest.raises(Garbled):
        ubx.decode(ubx.SEC_SIG, b"\3" + bytes(11))


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        (ubx.NAV_TIMEGPS, bytes(15)),
        (ubx.NAV_SAT, bytes((0, 0, 0, 0, 1, 2, 0, 0)) + bytes(12)),
        (ubx.MON_RF, bytes((0, 1, 0, 0))),
        (ubx.MON_VER, bytes(41)),
        (ubx.SEC_SIG, b""),
        (ubx.ACK_ACK, b"\1"),
    ],
)
def test_a_payload_of_a_wrong_length_is_garbled(message, payload):
    with pytest.raises(Garbled):
        ubx.decode(message, payload)


def test_only_what_satellites_broadcast_counts_as_leap_seconds():
    known = ubx.NavTimeLs(0, 0, 2, 18, 2, 0, 0, 0, 0, 0b11)
    assert known.is_current_broadcast
    assert known.is_change_broadcast
    for changes in ({"current_source": 0}, {"current_source": 255}, {"valid": 0b10}):
        assert not attrs.evolve(known, **changes).is_current_broadcast
    for changes in ({"change_source": 0}, {"change_source": 255}, {"valid": 0b01}):
        assert not attrs.evolve(known, **changes).is_change_broadcast


KEYS = st.sampled_from([1, 2, 3, 4, 5]).flatmap(
    lambda kind: st.tuples(
        st.integers(kind << 28, (kind << 28) + 2**28 - 1),
        st.integers(0, (1 << 8 * {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[kind]) - 1),
    )
)


@given(st.lists(KEYS, max_size=20).map(dict), st.integers(0, 7))
def test_configuration_is_read_as_it_was_written(items, layers):
    frame = only_frame(ubx_setup.value_set(items, layers))
    assert frame.message == ubx.CFG_VALSET
    assert ubx_setup.decode_value_set(frame.body) == (layers, items)


@given(st.binary(max_size=80))
def test_garbled_configuration_is_refused(payload):
    with contextlib.suppress(Garbled):
        ubx_setup.decode_value_set(payload)


def test_timing_mode_with_a_known_place_is_configured():
    place = ubx_setup.Place(399_042_000, -1_164_074_000, 4_350, 200)
    frame = only_frame(ubx_setup.fixed_position(place))
    _, items = ubx_setup.decode_value_set(frame.body)
    assert items == {
        ubx_setup.TMODE_MODE: 2,
        ubx_setup.TMODE_POS_TYPE: 1,
        ubx_setup.TMODE_LAT: 399_042_000,
        ubx_setup.TMODE_LON: -1_164_074_000 + 2**32,
        ubx_setup.TMODE_HEIGHT: 4_350,
        ubx_setup.TMODE_FIXED_POS_ACC: 200,
    }


def test_a_configuration_of_too_many_items_is_our_mistake():
    with pytest.raises(ValueError, match="65 items"):
        ubx_setup.value_set(dict.fromkeys(range(0x2000_0000, 0x2000_0041), 0))


def test_a_key_of_no_known_size_is_garbled_however_long_the_payload():
    with pytest.raises(Garbled):
        ubx_setup.decode_value_set(bytes(4) + bytes(4) + bytes(2000))
