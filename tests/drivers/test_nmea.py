"""NMEA sentences: those of the manuals, both ways, and garbage."""

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Garbled
from drivers.gnss import nmea

TALKERS = st.sampled_from(["GP", "GB", "BD", "GN", "GL", "GA"])
TIMES = st.none() | st.integers(0, nmea.DAY_S * 1000 + 999)
DATES = st.none() | st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
LATITUDES = st.none() | st.integers(-900_000_000, 900_000_000)
LONGITUDES = st.none() | st.integers(-1_800_000_000, 1_800_000_000)
WORDS = st.text("abcXYZ019 =.", max_size=20)
IN_VIEW = st.builds(
    nmea.InView,
    st.integers(0, 999),
    st.none() | st.integers(-90, 90),
    st.none() | st.integers(0, 359),
    st.none() | st.integers(0, 99),
)
SENTENCES = st.one_of(
    st.builds(
        nmea.Rmc,
        talker=TALKERS,
        time_ms=TIMES,
        date=DATES,
        is_valid=st.booleans(),
        mode=st.sampled_from(["", "A", "D", "N", "E", "S"]),
        latitude_e7=LATITUDES,
        longitude_e7=LONGITUDES,
    ),
    st.builds(nmea.Zda, talker=TALKERS, time_ms=TIMES, date=st.none() | st.dates()),
    st.builds(
        nmea.Gga,
        talker=TALKERS,
        time_ms=TIMES,
        quality=st.integers(0, 9),
        satellites=st.integers(0, 99),
        latitude_e7=LATITUDES,
        longitude_e7=LONGITUDES,
        hdop_dm=st.integers(0, 999),
        altitude_dm=st.integers(-9999, 99_999),
    ),
    st.builds(
        nmea.Gsa,
        talker=TALKERS,
        fix=st.integers(1, 3),
        numbers=st.lists(st.integers(0, 999), max_size=12).map(tuple),
        system=st.none() | st.integers(0, 15),
    ),
    st.builds(
        nmea.Gsv,
        talker=TALKERS,
        parts=st.integers(1, 9),
        part=st.integers(1, 9),
        in_view=st.integers(0, 99),
        satellites=st.lists(IN_VIEW, max_size=4).map(tuple),
        signal=st.none() | st.integers(0, 15),
    ),
    st.builds(nmea.Txt, talker=TALKERS, severity=st.integers(0, 99), text=WORDS),
)


def body(octets):
    return octets[1:].rsplit(b"*", 1)[0]


@given(SENTENCES)
def test_what_is_written_is_read_the_same(sentence):
    octets = nmea.encode(sentence)
    assert nmea.decode(body(octets)) == sentence
    assert len(octets) <= nmea.MAX_SENTENCE


@given(st.binary(max_size=130) | SENTENCES.map(nmea.encode).map(body), st.data())
def test_garbage_is_nothing_or_garbled(octets, data):
    place = data.draw(st.integers(0, len(octets)))
    mangled = octets[:place] + data.draw(st.binary(max_size=3)) + octets[place:]
    with contextlib.suppress(Garbled):
        nmea.decode(mangled)


@pytest.mark.parametrize(
    ("sentence", "meant"),
    [
        (
            b"GPZDA,195959.00,16,09,2019,00,00",
            nmea.Zda(talker="GP", time_ms=71_999_000, date=dt.date(2019, 9, 16)),
        ),
        (
            b"GNZDA,235960.00,31,12,2016,00,00",
            nmea.Zda(time_ms=86_400_000, date=dt.date(2016, 12, 31)),
        ),
        (
            b"GNGSA,A,3,05,06,07,08,,,,,,,,,2.0,1.2,1.6,4",
            nmea.Gsa(fix=3, numbers=(5, 6, 7, 8), system=4),
        ),
        (
            b"GBGSV,2,2,08,33,81,039,43,41,43,230,42,43,33,148,42,58,,,44,1",
            nmea.Gsv(
                talker="GB",
                parts=2,
                part=2,
                in_view=8,
                satellites=(
                    nmea.InView(33, 81, 39, 43),
                    nmea.InView(41, 43, 230, 42),
                    nmea.InView(43, 33, 148, 42),
                    nmea.InView(58, None, None, 44),
                ),
                signal=1,
            ),
        ),
        (
            b"GPTXT,01,01,01,ANTENNA OK",
            nmea.Txt(talker="GP", severity=1, text="ANTENNA OK"),
        ),
        (
            b"GNRMC,,V,,,,,,,,,,N,V",
            nmea.Rmc(time_ms=None, date=None, is_valid=False, mode="N"),
        ),
        (b"GNGNS,053229.438,,,,,NNNN,00,,,0.0,,0000", None),
        (b"PSRFEPE,053229.438,V,,,,,", None),
    ],
)
def test_sentences_of_receivers_are_read(sentence, meant):
    assert nmea.decode(sentence) == meant


@pytest.mark.parametrize(
    "sentence",
    [
        b"GNRMC,240000.00,A,,,,,,,010126,,,A",
        b"GNRMC,120060.00,A,,,,,,,010126,,,A",
        b"GNRMC,120000.00,A,,,,,,,310226,,,A",
        b"GNRMC,120000.00,X,,,,,,,010126,,,A",
        b"GNZDA,120000,1,1",
        b"GNGSV,1,1,01,+1,,,",
        "GNTXT,01,01,²,x".encode("latin-1"),
    ],
)
def test_a_known_sentence_that_is_malformed_is_garbled(sentence):
    with pytest.raises(Garbled):
        nmea.decode(sentence)


def test_the_checksum_is_that_of_the_standard():
    assert nmea.nmea_checksum(b"GNRMC,,V,,,,,,,,,,N,V") == 0x37


@given(st.binary(max_size=128))
def test_the_checksum_is_the_exclusive_or_of_all_octets(octets):
    folded = 0
    for octet in octets:
        folded ^= octet
    assert nmea.nmea_checksum(octets) == folded


def test_a_leap_second_is_the_posix_second_of_the_midnight_after_it():
    assert nmea.posix_s(dt.date(2016, 12, 31), 86_400_000) == 1_483_228_800


@pytest.mark.parametrize(
    ("rmc_mode", "quality", "has_fix"),
    [("A", 1, True), ("", 2, True), ("N", 0, False), ("E", 6, False), ("S", 8, False)],
)
def test_only_satellites_make_a_fix(rmc_mode, quality, has_fix):
    rmc = nmea.Rmc(time_ms=0, date=None, is_valid=True, mode=rmc_mode)
    gga = nmea.Gga(time_ms=0, quality=quality)
    assert (rmc.has_fix, gga.has_fix) == (has_fix, has_fix)
    assert rmc.is_simulated == gga.is_simulated == (rmc_mode == "S")
