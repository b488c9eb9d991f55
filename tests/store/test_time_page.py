from contextlib import closing

import pytest
from kit.pages import RAW_NS, page_of, slot

from appliance.errors import Conflict, Fault
from appliance.store.time_page import TimePageFile, TimePageReader
from appliance.timing.page import PAGE_SIZE, SLOT_SIZE, SLOT_STRIDE, choose, encode_slot


@pytest.fixture
def path(tmp_path):
    return tmp_path / "time"


def test_what_is_written_is_read(path):
    with closing(TimePageFile.create(path)) as page, closing(TimePageReader(path)) as reader:
        assert choose(reader.read()) is None
        for sequence in (1, 2, 3):
            page.write(slot(sequence))
            assert choose(reader.read()) == slot(sequence)
        assert reader.read() == page_of(slot(2), slot(3))


def test_the_file_has_its_size_and_mode_from_the_start(path):
    TimePageFile.create(path).close()
    assert (path.stat().st_size, path.stat().st_mode & 0o777) == (PAGE_SIZE, 0o640)


def test_a_restarted_writer_keeps_the_inode_and_goes_on_counting(path):
    with closing(TimePageFile.create(path)) as page:
        page.write(slot(page.next_sequence))
        page.write(slot(page.next_sequence))
    inode = path.stat().st_ino
    with closing(TimePageReader(path)) as reader, closing(TimePageFile.create(path)) as page:
        assert choose(reader.read()) == slot(2)
        assert page.next_sequence == 3
        page.write(slot(3))
        assert choose(reader.read()) == slot(3)
    assert path.stat().st_ino == inode


def test_the_page_has_one_writer(path):
    with closing(TimePageFile.create(path)), pytest.raises(Conflict):
        TimePageFile.create(path)
    TimePageFile.create(path).close()


@pytest.mark.parametrize("size", [1, PAGE_SIZE - 1, 4096])
def test_a_file_of_another_size_is_left_alone(path, size):
    path.write_bytes(b"x" * size)
    with pytest.raises(Fault):
        TimePageFile.create(path)
    assert path.read_bytes() == b"x" * size


def test_a_link_is_not_followed(path, tmp_path):
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        TimePageFile.create(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_reader_without_a_file_reads_nothing_until_there_is_one(path):
    with closing(TimePageReader(path)) as reader:
        assert reader.read() == b""
        path.write_bytes(b"")
        assert reader.read() == b""
        with closing(TimePageFile.create(path)) as page:
            page.write(slot(1))
        assert choose(reader.read()) == slot(1)


def test_a_closed_reader_maps_the_file_anew(path):
    with closing(TimePageFile.create(path)) as page:
        page.write(slot(1))
    reader = TimePageReader(path)
    reader.close()
    reader.read()
    reader.close()
    assert choose(reader.read()) == slot(1)
    reader.close()


class WatchedPages(bytearray):
    """Pages that note what a reader would accept after each store of the writer."""

    def __init__(self) -> None:
        super().__init__(PAGE_SIZE)
        self.accepted = []

    def __setitem__(self, where, octets):
        for end in range(where.start, where.stop):
            super().__setitem__(slice(where.start, end), octets[: end - where.start])
            self.accepted.append(choose(bytes(self)))
        super().__setitem__(where, octets)
        self.accepted.append(choose(bytes(self)))


def test_a_writer_stopped_anywhere_leaves_the_slot_before_sound():
    pages = WatchedPages()
    page = TimePageFile(-1, pages, 0)
    for sequence in (1, 2, 3, 4):
        page.write(slot(sequence, raw_ns=RAW_NS + sequence))
        *before, after = pages.accepted
        assert after == slot(sequence, raw_ns=RAW_NS + sequence)
        last = slot(sequence - 1, raw_ns=RAW_NS + sequence - 1) if sequence > 1 else None
        # The last octets of the head are zero in every slot, so it may be whole before the end.
        assert set(before) <= {last, after}
        assert before.count(after) <= 4
        pages.accepted.clear()


def test_a_slot_out_of_turn_is_our_own_fault(path):
    with closing(TimePageFile.create(path)) as page, pytest.raises(AssertionError):
        page.write(slot(2))


def test_the_two_slots_do_not_touch_each_other(path):
    with closing(TimePageFile.create(path)) as page:
        page.write(slot(1))
        page.write(slot(2))
        page.write(slot(3))
    octets = path.read_bytes()
    assert octets[:SLOT_SIZE] == encode_slot(slot(2))
    assert octets[SLOT_STRIDE : SLOT_STRIDE + SLOT_SIZE] == encode_slot(slot(3))
