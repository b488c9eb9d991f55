"""What `bench overload`, `bench abuse` and `bench soak` make of what they measured."""

from benches.abuse import _p99_ms
from benches.figures import NS_PER_MS
from benches.load import Exchange, Run
from benches.overload import _granted
from benches.soak import Sample, _descriptors, _mib_per_h

from appliance.asn1.tsp import PKIFailureInfo, PKIStatus, encode_rejection, encode_status


def exchange(body=b"", taken_ms=1):
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    return Exchange(0, 0, taken_ms * NS_PER_MS, reply)


def test_refusals_are_no_goodput_and_no_faults_but_what_is_no_answer_is_judged():
    granted = exchange(encode_status(PKIStatus.GRANTED))
    refused = exchange(encode_rejection(PKIFailureInfo.systemFailure, "overload"))
    broken = Exchange(0, 0, 1, b"HTTP/1.1 500 Internal Server Error\r\n\r\n")
    assert _granted([granted, refused, broken]) == [granted, broken]


def test_the_latency_of_several_runs_is_the_median_of_theirs():
    runs = [Run([exchange(taken_ms=ms)], 1.0, 0.0, 0) for ms in (3, 900, 1)]
    assert _p99_ms(runs) == 3.0


def test_growth_is_told_by_the_hour():
    samples = [Sample(at_s, {"front": 1024 * at_s}, {"front": 9}) for at_s in (0, 10, 20)]
    assert _mib_per_h(samples, "front") == 3600.0


def test_descriptors_that_are_constant_are_one_number():
    samples = [Sample(0.0, {}, {"front": count, "signer": None}) for count in (9, 9, 10)]
    assert _descriptors(samples) == {"front": [9, 10], "signer": [None]}
