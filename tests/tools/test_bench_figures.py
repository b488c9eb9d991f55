import marshal
import os
from pathlib import Path

import pytest
from benches.box import free_ports
from benches.figures import percentile, slope
from benches.load import Exchange, Run, join_runs
from benches.processes import (
    busy_ticks,
    cpu_ticks,
    descriptors_by_role,
    pss_kib,
    resident_pages,
    rss_kib_by_role,
)
from benches.profile import Row, rows_by_role
from benches.queries import PROFILE_HASHES, make_queries
from benches.references import Reference, sign_per_s
from hypothesis import given
from hypothesis import strategies as st

from appliance.asn1.tsp import decode_request
from appliance.settings import load_settings


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_percentile_is_the_nearest_rank(share, value):
    assert percentile(range(1, 101), share) == value


@given(st.lists(st.integers(), min_size=1), st.floats(0.001, 1.0))
def test_a_percentile_is_not_exceeded_by_its_share(values, share):
    found = percentile(sorted(values), share)
    assert sum(value <= found for value in values) >= share * len(values) * (1 - 1e-12)


def test_no_two_queries_are_alike():
    requests = [decode_request(query) for query in make_queries(500, PROFILE_HASHES["sm2"])]
    assert len({request.nonce_tlv for request in requests}) == 500
    assert len({request.imprint for request in requests}) == 500
    assert {request.hash_algorithm for request in requests} == {PROFILE_HASHES["sm2"]}
    assert all(request.cert_req for request in requests)


@pytest.mark.parametrize(
    ("line", "per_s"),
    [
        ("+R10:2824:256:CurveSM2:0.99", 2824 / 0.99),
        ("+R5:51137:256:0.99\n", 51137 / 0.99),
        ("+R1:552:3072:1.00", 552.0),
        ("+DTP:256:sign:CurveSM2:1", None),
        ("+F7:0:256:CurveSM2:2852.525253:3439.000000", None),
    ],
)
def test_openssl_speed_is_read_line_by_line(line, per_s):
    assert sign_per_s(line) == per_s


def test_rates_are_held_against_the_readings_around_them():
    readings = iter([10.0, 30.0, 10.0, 1000.0])
    reference = Reference(lambda: next(readings))
    for _ in range(4):
        reference.take()
    assert reference.per_s == 20.0
    assert reference.ratio([20.0, 40.0, 505.0]) == 1.0


def test_runs_are_joined_into_one():
    runs = [Run([Exchange(index, 0, 1, b"")], 0.5, 0.25, index) for index in (1, 2)]
    joined = join_runs(runs)
    assert [exchange.query for exchange in joined.exchanges] == [1, 2]
    assert (joined.seconds, joined.client_cpu_s, joined.lost, joined.per_s) == (1.0, 0.5, 3, 2.0)


def test_cpu_is_user_and_system_whatever_a_process_is_called():
    before = "S 1 2 3 4 5 6 7 8 9 10"
    assert cpu_ticks(f"123 (odd) name) {before} 700 30 11 12 20 0") == 730


def test_a_busy_machine_is_neither_idle_nor_waiting_nor_counted_twice():
    assert busy_ticks("cpu  1 2 4 1000 1000 8 16 32 1000 1000\ncpu0 5 5 5\n") == 63


def test_pss_is_read_from_the_rollup():
    assert pss_kib("00-ff ---p 00000000 00:00 0 [rollup]\nRss: 9 kB\nPss:   1234 kB\n") == 1234


def test_the_box_of_a_bench_takes_only_free_ports(tmp_path):
    (tmp_path / "bench.toml").write_text(free_ports())
    assert load_settings(tmp_path / "bench.toml").listen.tsp_http_port == 0


def test_profiles_of_one_role_are_added_up(tmp_path):
    ours, builtin = ("/a/appliance/x/y.py", 3, "work"), ("~", 0, "<built-in f>")
    for pid, own_s in ((1, 0.5), (2, 0.25)):
        profile = {ours: (9, 10, own_s, 2.0, {}), builtin: (1, 1, 0.125, 0.125, {})}
        (tmp_path / f"front-{pid}.prof").write_bytes(marshal.dumps(profile))
    assert rows_by_role(tmp_path.glob("*.prof")) == {
        "front": [Row("work (x/y.py:3)", 20, 0.75), Row("<built-in f>", 2, 0.25)]
    }


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.sets(st.integers(0, 99), min_size=2))
def test_the_slope_of_a_line_is_its_own(rise, start, places):
    assert slope([(x, start + rise * x) for x in places]) == pytest.approx(rise, abs=1e-6)


def test_the_slope_is_that_of_least_squares():
    assert slope([(0, 1), (1, 1), (2, 4)]) == pytest.approx(1.5)
    assert slope([(3, 1), (3, 9)]) == 0.0


def test_resident_pages_are_the_second_number_of_statm():
    assert resident_pages("9000 4000 1500 700 0 3000 0\n") == 4000


def test_what_a_process_holds_is_read_from_procfs():
    with Path(os.devnull).open("rb") as one, Path(os.devnull).open("rb") as two:
        more = descriptors_by_role({"us": [os.getpid()]})["us"]
        assert one.fileno() != two.fileno()
    assert more - descriptors_by_role({"us": [os.getpid()]})["us"] == 2
    assert rss_kib_by_role({"us": [os.getpid()]})["us"] > 1024
