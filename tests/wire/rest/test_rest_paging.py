"""Pages of a list, and the cursors that lead from one to the next."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.rest import Interface, Thing, Things

from appliance.errors import Malformed
from appliance.services.registration.accounts import Role
from appliance.store.registry.rows import Cursor
from appliance.wire.rest.paging import CursorText, next_cursor, read_cursor

NAMES = st.text("0123456789abcdef", max_size=64)
INSTANTS = st.integers(-(1 << 62) + 1, (1 << 62) - 1)


@given(INSTANTS, NAMES)
def test_a_cursor_reads_as_it_was_written(created_us: int, name: str) -> None:
    text = next_cursor(created_us, name)
    assert read_cursor(text) == Cursor(created_us, name)
    if len(name) <= 32:
        assert msgspec.convert(text, CursorText) == text


@given(st.one_of(st.text(), st.text("ABCDEFabcdef0123456789_-"), st.binary().map(bytes.hex)))
def test_what_is_no_cursor_is_malformed(text: str) -> None:
    try:
        found = read_cursor(text)
    except Malformed:
        return
    assert found is None or isinstance(found, Cursor)


@given(st.integers(), st.text())
def test_a_cursor_of_what_no_row_can_be_is_malformed(created_us: int, name: str) -> None:
    try:
        text = next_cursor(created_us, name)
    except (OverflowError, UnicodeEncodeError):  # no msgpack
        return
    try:
        found = read_cursor(text)
    except Malformed:
        return
    assert found == Cursor(created_us, name)
    assert abs(created_us) < 1 << 62
    assert name.isprintable()


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 11, 500])
def test_pages_give_every_row_once_newest_first(limit: int) -> None:
    things = Things()
    interface = Interface(things.operations())
    for number in range(10):
        things.things.append(Thing(f"{number:032x}", str(number), 0, "red", number // 3))
    found, cursor = [], ""
    while cursor is not None:
        target = f"/v1/things?limit={limit}&cursor={cursor}"
        page = msgspec.json.decode(interface.ask("GET", target, role=Role.APPLICATION).body)
        assert len(page["items"]) <= limit
        found += [thing["name"] for thing in page["items"]]
        cursor = page["next"]
    assert found == [str(number) for number in reversed(range(10))]
