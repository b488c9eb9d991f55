"""The ledger as the signer keeps it: starts, templates, stamps and the newest genTime."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kit.ledgers import open_ledger
from kit.stamping import PROFILES, make_template

from appliance.errors import Conflict
from appliance.services.stamp_ledger import REORDERED_ROWS, Kind, StampLedger, Start
from appliance.store.ledger.chain import Entry
from appliance.store.ledger.ledger import Ledger
from appliance.tsp import record
from appliance.tsp.record import Stamp
from appliance.tsp.template import Template

SM2 = make_template(PROFILES["sm2"])
P256 = make_template(PROFILES["p256"])
START = Start(1, b"\xa5" * 8, "libcrypto", 1_800_000_000_000_000)


def stamp(number: int, gen_time_us: int) -> Stamp:
    return Stamp(
        number.to_bytes(14, "big"),
        gen_time_us,
        500,
        "2.999.1",
        "sm2",
        SM2.template_id,
        bytes(16),
        cert_req=True,
        imprint_tlv=b"\x30\x00",
        nonce_tlv=b"",
        client=b"client",
        signature=bytes(64),
    )


class Signer:
    """One life of a signer over a ledger that stays."""

    def __init__(self, folder: Path, *, rows_per_segment: int = 1_000_000) -> None:
        self.rows: Ledger = open_ledger(folder, rows_per_segment=rows_per_segment)
        self.ledger = StampLedger(self.rows)

    def begin(self, *templates: Template) -> "Signer":
        self.ledger.begin(START, templates)
        return self

    def keep(self, gen_times_us: Iterable[int], *, first: int = 1) -> "Signer":
        self.ledger.keep([stamp(first + at, each) for at, each in enumerate(gen_times_us)])
        return self

    def kinds(self) -> list[int]:
        return [row.kind for row in self.rows.rows()]


def restart(signer: Signer, folder: Path, **settings: int) -> Signer:
    signer.ledger.close()
    return Signer(folder, **settings)


def newest_after(folder: Path, lives: Sequence[Sequence[int]], *, rows_per_segment: int) -> int:
    """Let signers live one after the other and ask the next for the newest genTime."""
    first = 1
    for life in lives:
        signer = Signer(folder, rows_per_segment=rows_per_segment).begin(SM2)
        signer.keep(life, first=first)
        first += len(life)
        signer.ledger.close()
    last = Signer(folder, rows_per_segment=rows_per_segment)
    last.begin(SM2, P256)
    newest = last.ledger.last_gen_time_us()
    last.ledger.close()
    return newest


# --- starts and templates -------------------------------------------------------------------------


def test_every_start_is_a_row_that_says_who_began(tmp_path: Path) -> None:
    signer = Signer(tmp_path).begin()
    (row,) = signer.rows.rows()
    assert (row.kind, row.serial) == (Kind.START, None)
    assert msgspec.msgpack.decode(row.body, type=Start) == START
    signer.ledger.close()


def test_a_template_is_recorded_once_over_all_starts(tmp_path: Path) -> None:
    signer = Signer(tmp_path).begin(SM2)
    signer = restart(signer, tmp_path).begin(SM2, P256)
    signer = restart(signer, tmp_path).begin(SM2, P256)
    assert signer.kinds() == [Kind.START, Kind.TEMPLATE, Kind.START, Kind.TEMPLATE, Kind.START]
    signer.ledger.close()


def test_a_template_in_a_finished_segment_is_not_recorded_again(tmp_path: Path) -> None:
    signer = Signer(tmp_path, rows_per_segment=2).begin(SM2)
    signer.keep([1, 2, 3])
    signer = restart(signer, tmp_path, rows_per_segment=2).begin(SM2)
    assert signer.kinds().count(Kind.TEMPLATE) == 1
    signer.ledger.close()


def test_a_token_can_be_rebuilt_from_its_rows_alone(tmp_path: Path) -> None:
    signer = Signer(tmp_path).begin(SM2).keep([1_800_000_000_123_456])
    row = signer.rows.find_serial((1).to_bytes(14, "big"))
    assert row is not None
    kept = record.decode(row.body)
    template = signer.rows.find_serial(kept.template_id)
    assert template is not None
    assert template.kind == Kind.TEMPLATE
    assert record.rebuild(kept, Template.from_bytes(template.body))
    signer.ledger.close()


# --- the newest genTime ---------------------------------------------------------------------------


def test_before_the_first_stamp_the_newest_gen_time_is_0(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    assert signer.ledger.last_gen_time_us() == 0
    signer.begin(SM2, P256)
    assert signer.ledger.last_gen_time_us() == 0
    signer.ledger.close()


@settings(max_examples=10)  # each opens several ledgers, which sync to the disk
@given(
    lives=st.lists(st.lists(st.integers(1, 10**6), min_size=1, max_size=12), max_size=3),
    rows_per_segment=st.sampled_from([5, 1000]),
)
def test_the_newest_gen_time_is_found_in_any_order_over_restarts(
    lives: list[list[int]], rows_per_segment: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    newest = newest_after(folder, lives, rows_per_segment=rows_per_segment)
    assert newest == max((each for life in lives for each in life), default=0)


def test_the_newest_gen_time_is_found_behind_many_rows_of_other_kinds(tmp_path: Path) -> None:
    signer = Signer(tmp_path).begin(SM2).keep([77])
    signer.rows.append([Entry(Kind.START, b"")] * (REORDERED_ROWS + 1))
    assert signer.ledger.last_gen_time_us() == 77
    signer.ledger.close()


# --- keeping --------------------------------------------------------------------------------------


def test_a_serial_that_comes_twice_keeps_nothing_of_its_batch(tmp_path: Path) -> None:
    signer = Signer(tmp_path).keep([1])
    with pytest.raises(Conflict):
        signer.ledger.keep([stamp(2, 2), stamp(1, 3)])
    assert signer.kinds() == [Kind.STAMP]
    signer.ledger.keep([stamp(2, 2)])
    assert signer.kinds() == [Kind.STAMP] * 2
    signer.ledger.close()


def test_closing_signs_a_head_over_the_last_row(tmp_path: Path) -> None:
    signer = Signer(tmp_path).keep([1, 2])
    signer.ledger.rest()
    signer.ledger.close()
    again = open_ledger(tmp_path)
    assert again.write_head() is None
    assert again.last()[0] == 2
    again.close()
