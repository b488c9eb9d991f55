"""NMEA sentences: what is read is written back to the same; a stream gives no wrong sum."""

from kit.fuzzing import halves

from drivers.api import Garbled
from drivers.gnss import nmea
from drivers.gnss.splitter import Protocol, Splitter


def one_input(data: bytes) -> None:
    splitter, at_once = Splitter(), Splitter()
    first, second = halves(data)
    frames = splitter.feed(first) + splitter.feed(second)
    assert frames == at_once.feed(data)
    assert splitter.garbled == at_once.garbled
    for frame in [*frames, *Splitter().feed(nmea.frame(data[:100]))]:
        if frame.protocol is Protocol.NMEA:
            check(frame.body)


def check(body: bytes) -> None:
    try:
        sentence = nmea.decode(body)
    except Garbled:
        return
    if sentence is None or isinstance(sentence, nmea.Txt):
        return
    for again in Splitter().feed(nmea.encode(sentence)):
        assert nmea.decode(again.body) == sentence
