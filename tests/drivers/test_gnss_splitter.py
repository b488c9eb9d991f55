"""Mixed octets: every frame comes out once, however the stream is cut and whatever lies between."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from kit import gnss

from drivers.gnss import nmea
from drivers.gnss.splitter import MAX_PAYLOAD, Protocol, Splitter

SECONDS = (gnss.nmea_second, gnss.ubx_second, gnss.casic_second)
STREAM = b"".join(make(gnss.NOON_S) for make in SECONDS)
FRAMES = Splitter().feed(STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_a_cut_stream_gives_the_same_frames(places):
    splitter = Splitter()
    cuts = [0, *sorted(places), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(cuts)]
    assert [frame for piece in pieces for frame in splitter.feed(piece)] == FRAMES
    assert splitter.garbled == 0
    assert not splitter.is_pending


@given(st.binary(max_size=30).filter(lambda each: not set(each) & set(b"$\xb5\xba")))
def test_noise_between_frames_loses_none(noise):
    octets = nmea.frame(b"GNZDA,1,2,3,4") + noise + gnss.ubx_second(gnss.NOON_S)
    assert Splitter().feed(octets)[1:] == Splitter().feed(gnss.ubx_second(gnss.NOON_S))


@given(st.binary(max_size=400), st.integers(0, 400))
def test_garbage_is_skipped_and_bounded(garbage, place):
    splitter, at_once = Splitter(), Splitter()
    found = splitter.feed(garbage[:place]) + splitter.feed(garbage[place:])
    assert found == at_once.feed(garbage)
    assert splitter.garbled == at_once.garbled


@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_one_wrong_octet_costs_at_most_its_frame(place, change):
    wrong = bytearray(STREAM)
    wrong[place] ^= change
    found = Splitter().feed(bytes(wrong) + bytes(MAX_PAYLOAD + 16))
    assert sum(frame in found for frame in FRAMES) >= len(FRAMES) - 2


def test_a_sentence_that_runs_into_another_is_dropped():
    good = nmea.frame(b"GNZDA,,,,,00,00")
    splitter = Splitter()
    assert [each.body for each in splitter.feed(b"$GNRMC,1200" + good)] == [b"GNZDA,,,,,00,00"]
    assert splitter.garbled == 1


def test_a_sentence_without_end_is_dropped_and_not_kept():
    splitter = Splitter()
    for _ in range(100):
        assert not splitter.feed(b"$" + b"A" * 200)
    assert splitter.garbled == 100
    assert not splitter.is_pending


def test_a_wrong_checksum_is_counted():
    splitter = Splitter()
    assert not splitter.feed(b"$GNZDA,,,,,00,00*00\r\n")
    assert splitter.garbled == 1


def test_frames_know_their_protocol():
    kinds = [{each.protocol for each in Splitter().feed(make(gnss.NOON_S))} for make in SECONDS]
    assert kinds == [{Protocol.NMEA}, {Protocol.UBX}, {Protocol.NMEA, Protocol.CASIC}]
