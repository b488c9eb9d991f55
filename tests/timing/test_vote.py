from hypothesis import given
from hypothesis import strategies as st

from appliance.timing.sources.vote import Claim, elect, marzullo, of_domains, overlaps

MS, US = 1_000_000, 1000
INTERVALS = st.tuples(st.integers(-50, 50), st.integers(0, 30)).map(
    lambda each: (each[0], each[0] + each[1])
)


def around(source: str, domain: str, middle_ns: int, half_ns: int) -> Claim:
    return Claim(source, domain, (middle_ns - half_ns, middle_ns + half_ns))


def spoofed(by_ns: int) -> list[Claim]:
    return [
        around("gps", "gnss", by_ns, 100),
        around("beidou", "gnss", by_ns, 100),
        around("oscillator", "oscillator", 0, 20 * US),
        around("ntp-a", "ntp:a", 0, 20 * MS),
        around("ntp-b", "ntp:b", MS, 20 * MS),
        around("nitz", "cellular", 300 * MS, 2000 * MS),
    ]


@given(st.lists(INTERVALS, min_size=1, max_size=8))
def test_marzullo_finds_the_deepest_overlap(intervals):
    best, regions = marzullo(intervals)
    depth = {
        point: sum(low <= point <= high for low, high in intervals) for point in range(-50, 81)
    }
    assert best == max(depth.values())
    covered = {point for low, high in regions for point in range(low, high + 1)}
    assert covered == {point for point, count in depth.items() if count == best}


def test_plain_marzullo_by_source_follows_gps_and_beidou_when_both_are_wrong():
    _, regions = marzullo([claim.interval for claim in spoofed(100 * US)])
    assert regions == [(100 * US - 100, 100 * US + 100)]


def test_a_vote_by_domain_with_the_oscillators_veto_keeps_the_truth():
    verdict = elect(spoofed(100 * US), "oscillator")
    assert verdict.interval is not None
    assert overlaps(verdict.interval, (0, 0))
    assert verdict.dissenting == {"gnss"}


def test_without_a_veto_a_tie_elects_nothing():
    assert elect(spoofed(100 * US)).interval is None


def test_one_receiver_off_by_a_second_takes_the_vote_of_its_antenna():
    claims = [
        around("gps", "gnss", 0, 100),
        around("beidou", "gnss", 1000 * MS, 100),
        around("ntp-a", "ntp:a", 0, 20 * MS),
        around("ntp-b", "ntp:b", 0, 20 * MS),
    ]
    assert "gnss" not in of_domains(claims)
    verdict = elect(claims)
    assert verdict.agreeing == {"ntp:a", "ntp:b"}
    assert verdict.dissenting == {"gnss"}


def test_one_false_server_of_three_domains_is_outvoted():
    claims = [
        around("gps", "gnss", 0, 100),
        around("ntp-a", "ntp:a", 1000 * MS, 20 * MS),
        around("ntp-b", "ntp:b", 0, 20 * MS),
    ]
    verdict = elect(claims)
    assert verdict.interval == (-100, 100)
    assert verdict.dissenting == {"ntp:a"}


def test_servers_of_one_operator_have_one_vote():
    claims = [
        around("gps", "gnss", 0, 100),
        *(around(f"ntp-{number}", "ntp:a", 1000 * MS, 20 * MS) for number in range(5)),
        around("ntp-b", "ntp:b", 0, 20 * MS),
    ]
    assert elect(claims).interval == (-100, 100)


def test_a_lone_domain_elects_itself_and_nobody_elects_nothing():
    assert elect([around("gps", "gnss", 0, 100)]).agreeing == {"gnss"}
    assert elect([]).interval is None


@given(st.lists(st.tuples(st.sampled_from("abcd"), INTERVALS), max_size=8))
def test_the_elected_instant_lies_within_every_agreeing_domain(rows):
    claims = [Claim(f"{place}", domain, each) for place, (domain, each) in enumerate(rows)]
    verdict = elect(claims, "a")
    domains = of_domains(claims)
    assert not verdict.agreeing & verdict.dissenting
    if verdict.interval is not None:
        assert all(overlaps(domains[name], verdict.interval) for name in verdict.agreeing)
        assert 2 * len(verdict.agreeing) > len({claim.domain for claim in claims})
        assert "a" not in domains or "a" in verdict.agreeing
