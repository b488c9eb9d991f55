"""What each front grants, from what the box grants."""

import pytest

from appliance.daemon.devices import device_rates
from appliance.daemon.roles.front import cosign_limits, http_limits, tcp_limits
from appliance.settings import Limits, Settings
from appliance.wire.connections import ConnectionLimits
from appliance.wire.devices.tcp import CosignLimits
from appliance.wire.http.site import Limits as HttpLimits
from appliance.wire.rates import Verdict
from appliance.wire.tsp.tcp import TcpLimits


def test_one_front_grants_by_default_what_the_layers_do() -> None:
    settings = Settings(fronts=1)
    assert http_limits(settings) == HttpLimits()
    assert tcp_limits(settings) == TcpLimits()
    assert cosign_limits(settings) == CosignLimits()


def test_deadlines_are_those_of_the_settings() -> None:
    settings = Settings(limits=Limits(head_deadline_s=1, idle_s=2, write_deadline_s=3))
    http, tcp = http_limits(settings), tcp_limits(settings)
    assert (http.head_deadline_s, http.idle_s, http.write_deadline_s) == (1, 2, 3)
    assert (tcp.message_deadline_s, tcp.idle_s, tcp.write_deadline_s) == (1, 2, 3)


@pytest.mark.parametrize(("fronts", "each"), [(1, 7), (2, 4), (7, 1), (64, 1)])
def test_connections_are_shared_out_to_the_fronts(fronts: int, each: int) -> None:
    settings = Settings(fronts=fronts, limits=Limits(connections=7, connections_per_source=7))
    limits: tuple[ConnectionLimits, ...] = (http_limits(settings), tcp_limits(settings))
    for one in limits:
        assert (one.connections, one.connections_per_source) == (each, each)


@pytest.mark.parametrize("fronts", [1, 4])
def test_what_phones_may_try_is_shared_out_to_the_fronts(fronts: int) -> None:
    settings = Settings(fronts=fronts, limits=Limits(enrol_per_source_s=4, rejected_per_source_s=2))
    rates = device_rates(settings)
    for table, burst in ((rates.enrolments, 120), (rates.rejections, 60)):
        granted = [table.judge(b"a", 0.0) for _ in range(burst)].count(Verdict.ANSWER)
        assert granted == burst // fronts
