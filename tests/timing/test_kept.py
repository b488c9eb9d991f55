import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import Malformed
from appliance.timing.keeping.kept import Kept, KeptTimeline, decode_kept, encode_kept

COUNTS = st.integers(0, 2**40)
KEPT = st.builds(
    Kept,
    board=st.text(max_size=9),
    tai_ns=st.integers(0, 2**62),
    tai_utc_s=st.integers(10, 99),
    leap_covered_until_s=COUNTS,
    is_simulated=st.booleans(),
    timeline=st.none()
    | st.builds(
        KeptTimeline,
        sequence=COUNTS,
        uptime_s=COUNTS,
        label=COUNTS,
        base_ps=st.integers(-(2**50), 2**50),
        discipline=st.binary(max_size=99),
    ),
)


@given(KEPT)
def test_what_is_kept_is_read_again(kept):
    assert decode_kept(encode_kept(kept)) == kept


@given(st.binary(max_size=99))
def test_garbage_is_malformed(octets):
    with pytest.raises(Malformed):
        decode_kept(octets)


@given(kept=KEPT, place=st.integers(0, 10**6), change=st.integers(1, 255))
def test_any_changed_octet_is_seen(kept, place, change):
    octets = bytearray(encode_kept(kept))
    octets[place % len(octets)] ^= change
    with pytest.raises(Malformed):
        decode_kept(bytes(octets))


@given(kept=KEPT, length=st.integers(0, 10**6))
def test_a_torn_file_is_malformed(kept, length):
    octets = encode_kept(kept)
    with pytest.raises(Malformed):
        decode_kept(octets[: length % len(octets)])
