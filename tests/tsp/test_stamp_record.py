import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.clock import reading_at
from kit.stamping import (
    GEN_TIMES_US,
    PROFILES,
    WIDE,
    make_authority,
    prepare_one,
    request,
    requests,
    signature_for,
    templates,
)

from appliance.asn1.tsp import decode_response
from appliance.errors import Conflict, Malformed
from appliance.tsp.authority import Ask
from appliance.tsp.record import Stamp, decode, encode, rebuild
from appliance.tsp.template import Template

CLIENT = bytes(range(18))

STAMPS = st.builds(
    Stamp,
    serial=st.binary(min_size=14, max_size=14),
    gen_time_us=st.integers(0, (1 << 62) - 1),
    accuracy_us=st.integers(1, (1 << 40) - 1),
    policy=st.text(max_size=40),
    profile=st.text(max_size=40),
    template_id=st.binary(min_size=16, max_size=16),
    certificate_id=st.binary(min_size=16, max_size=16),
    cert_req=st.booleans(),
    imprint_tlv=st.binary(max_size=512),
    nonce_tlv=st.binary(max_size=66),
    client=st.binary(max_size=18),
    signature=st.binary(max_size=1024),
)


def a_stamp(profile="sm2"):
    prepared = prepare_one(
        make_authority(), Ask(profile, request()), reading_at(1_800_000_000_000_000)
    )
    return prepared.record(signature_for(profile), CLIENT)


@given(st.sampled_from(sorted(PROFILES)), requests(), GEN_TIMES_US, st.binary(max_size=18))
def test_a_token_is_rebuilt_from_its_row_octet_for_octet(profile, data, gen_time_us, client):
    prepared = prepare_one(make_authority(), Ask(profile, data), reading_at(gen_time_us))
    signature = signature_for(profile, data)
    row = decode(encode(prepared.record(signature, client)))
    kept = Template.from_bytes(templates()[row.profile, row.policy].to_bytes())
    assert rebuild(row, kept) == decode_response(prepared.response(signature)).token


def test_a_row_holds_what_an_auditor_asks_for():
    row = a_stamp()
    assert row.client == CLIENT
    assert (row.profile, row.policy) == ("sm2", WIDE.oid)
    assert row.template_id == templates()["sm2", WIDE.oid].template_id
    assert row.certificate_id == templates()["sm2", WIDE.oid].certificate_id


def test_another_template_does_not_rebuild_a_row():
    with pytest.raises(Conflict):
        rebuild(a_stamp(), templates()["gmt", WIDE.oid])


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(65)])
def test_a_row_of_sm2_without_a_signature_of_64_octets_makes_no_token(signature):
    row = msgspec.structs.replace(a_stamp(), signature=signature)
    with pytest.raises(Malformed):
        rebuild(row, templates()["sm2", WIDE.oid])


@given(STAMPS)
def test_a_row_survives_its_serialisation(stamp):
    assert decode(encode(stamp)) == stamp


@given(STAMPS, st.data())
def test_a_damaged_row_is_malformed_or_another_row(stamp, draw):
    data = bytearray(encode(stamp))
    position = draw.draw(st.integers(0, len(data) - 1))
    data[position] ^= draw.draw(st.integers(1, 255))
    try:
        read = decode(bytes(data))
    except Malformed:
        return
    assert read != stamp
    assert encode(read) == data


@given(st.binary(max_size=100))
def test_garbage_is_no_row(data):
    for candidate in (data, b"\x01" + data):
        with pytest.raises(Malformed):
            decode(candidate)


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": bytes(13)},
        {"gen_time_us": -1},
        {"accuracy_us": 0},
        {"template_id": bytes(15)},
        {"nonce_tlv": bytes(67)},
        {"client": bytes(19)},
        {"signature": bytes(1025)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_row_with_a_field_out_of_bounds_is_malformed(changes):
    with pytest.raises(Malformed):
        decode(encode(msgspec.structs.replace(a_stamp(), **changes)))


def test_a_row_written_in_a_longer_form_is_malformed():
    data = encode(a_stamp())
    assert data[1:2] == b"\x9c"  # an array of twelve, in one octet
    with pytest.raises(Malformed):
        decode(data[:1] + b"\xdc\x00\x0c" + data[2:])


def test_a_row_of_another_version_is_malformed():
    with pytest.raises(Malformed):
        decode(b"\x02" + encode(a_stamp())[1:])
