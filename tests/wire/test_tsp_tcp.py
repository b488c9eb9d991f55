"""RFC 3161 3.3 on a connection in memory: flags, order, limits, deadlines."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.tcp import LIMITS, World

from appliance.asn1.tsp import PKIFailureInfo, PKIStatus, decode_response
from appliance.services.messages import PollReply, PollState
from appliance.services.timestamping import REQUEST_LIMIT
from appliance.wire.tsp.frames import VALUE_LIMIT, Flag, decode_poll, encode_message
from appliance.wire.tsp.tcp import CHECK_AFTER_S, TcpLimits

CLIENT = b"\xc0\x00\x02\x01\x9c\x40"


# --- the seven messages ---------------------------------------------------------------------------


def test_a_tsa_msg_crosses_with_its_profile_and_client_and_may_be_late() -> None:
    world = World()
    world.connect().ask(b"request")
    world.turn()
    (batch,) = world.batches
    assert batch.may_poll
    assert [(ask.profile, ask.request, ask.client) for ask in batch.asks] == [
        ("rsa", b"request", CLIENT)
    ]


def test_a_tsa_msg_is_answered_by_final_msg_rep() -> None:
    world = World()
    client = world.connect()
    client.ask(b"request")
    world.turn()
    world.answer(0)
    assert client.replies == [(Flag.FINAL_MSG_REP, b"token of request")]
    assert not client.is_closing


def test_a_tsa_msg_that_is_late_is_answered_by_poll_rep() -> None:
    world = World()
    client = world.connect()
    client.ask(b"request")
    world.turn()
    world.answer_late(0xCAFEF00D)
    ((flag, value),) = client.replies
    assert (flag, decode_poll(value)) == (Flag.POLL_REP, (0xCAFEF00D, CHECK_AFTER_S, b""))


def test_a_poll_crosses_with_its_reference_and_who_asks() -> None:
    world = World()
    world.connect().poll(0xCAFEF00D)
    (poll,) = world.polls
    assert (poll.reference, poll.client) == (0xCAFEF00D, CLIENT)


def test_a_poll_for_what_is_not_ready_is_partial_msg_rep_of_status_waiting() -> None:
    world = World()
    client = world.connect()
    client.poll(7)
    world.answer_poll(PollState.WAITING)
    ((flag, value),) = client.replies
    reference, check_after_s, response = decode_poll(value)
    assert (flag, reference, check_after_s) == (Flag.PARTIAL_MSG_REP, 7, CHECK_AFTER_S)
    assert decode_response(response).status == PKIStatus.WAITING


@pytest.mark.parametrize(
    ("answer", "flag"),
    [
        (b"response", Flag.FINAL_MSG_REP),
        (PollState.DELIVERED, Flag.NEG_POLL_REP),
        (PollState.UNKNOWN, Flag.ERROR_MSG_REP),
    ],
)
def test_a_poll_is_answered_by_what_became_of_its_reference(
    answer: bytes | PollState, flag: Flag
) -> None:
    world = World()
    client = world.connect()
    client.poll(7)
    world.answer_poll(answer)
    assert client.flags == [flag]
    if flag is Flag.FINAL_MSG_REP:
        assert client.replies[0][1] == answer
    if flag is Flag.NEG_POLL_REP:
        assert client.replies[0][1] == b"\x00"


@pytest.mark.parametrize("value", [b"", b"\0\0\7", b"\0\0\0\7\0"])
def test_a_poll_without_a_reference_of_four_octets_is_an_error_and_no_end(value: bytes) -> None:
    world = World()
    client = world.connect()
    client.send(encode_message(Flag.POLL_REQ, value))
    world.turn()
    assert client.flags == [Flag.ERROR_MSG_REP]
    assert world.polls == []
    assert not client.is_closing


@pytest.mark.parametrize("flag", [1, *range(3, 256)])
def test_a_message_that_no_client_sends_is_an_error_and_no_end(flag: int) -> None:
    world = World()
    client = world.connect()
    client.send(b"\x00\x00\x00\x02" + bytes((flag,)) + b"\x00")
    client.ask(b"request")
    world.turn()
    world.answer(0)
    assert client.flags == [Flag.ERROR_MSG_REP, Flag.FINAL_MSG_REP]
    assert client.replies[0][1].isascii()
    assert not client.is_closing


def test_without_a_signer_the_answer_is_a_system_failure_in_tsp_terms() -> None:
    world = World(with_signer=False)
    client = world.connect()
    client.ask(b"request")
    world.turn()
    ((flag, response),) = client.replies
    assert flag == Flag.FINAL_MSG_REP
    assert decode_response(response).failure == PKIFailureInfo.systemFailure


def test_a_poll_without_a_signer_may_be_tried_again() -> None:
    world = World(with_signer=False)
    client = world.connect()
    client.poll(7)
    world.turn()
    assert client.flags == [Flag.PARTIAL_MSG_REP]


def test_a_request_over_its_limit_is_refused_in_tsp_terms() -> None:
    world = World()
    client = world.connect()
    client.ask(bytes(REQUEST_LIMIT + 1), bytes(VALUE_LIMIT))
    world.turn()
    assert client.flags == [Flag.FINAL_MSG_REP] * 2
    assert [decode_response(value).failure for _, value in client.replies] == [
        PKIFailureInfo.badDataFormat
    ] * 2


# --- order ----------------------------------------------------------------------------------------


def test_replies_keep_the_order_of_requests_though_answers_come_out_of_order() -> None:
    world = World()
    client = world.connect()
    for request in (b"1", b"2"):
        client.ask(request)
        world.turn()
    world.answer(1)
    assert client.replies == []
    world.answer(0)
    assert [value for _, value in client.replies] == [b"token of 1", b"token of 2"]


def test_polls_errors_and_requests_are_answered_in_one_order() -> None:
    world = World()
    client = world.connect()
    client.ask(b"1")
    client.poll(7)
    client.send(encode_message(Flag.NEG_POLL_REP, b""))
    client.ask(b"2")
    world.turn()
    world.answer_poll(b"late")
    assert client.replies == []
    world.answer(0)
    assert [value[:10] for _, value in client.replies] == [
        b"token of 1",
        b"late",
        b"a client s",
        b"token of 2",
    ]


@given(st.permutations(range(6)))
def test_any_order_of_answers_gives_the_order_of_polls(order: list[int]) -> None:
    world = World()
    client = world.connect()
    for reference in range(6):
        client.poll(reference)
    for index in order:
        world.desk.poll_answered(PollReply(world.polls[index].batch, b"%d" % index))
    world.turn()
    assert [value for _, value in client.replies] == [b"%d" % index for index in range(6)]


def test_what_becomes_ready_in_one_turn_leaves_in_one_write() -> None:
    world = World()
    client = world.connect()
    writes: list[bytes] = []
    client.connection._send = writes.append
    client.ask(b"1", b"2", b"3")
    world.turn()
    world.answer(0)
    assert len(writes) == 1


def test_two_connections_do_not_wait_for_each_other() -> None:
    world = World()
    first, second = world.connect(1), world.connect(2)
    first.ask(b"1")
    world.turn()
    second.ask(b"2")
    world.turn()
    world.answer(1)
    assert [first.flags, second.flags] == [[], [Flag.FINAL_MSG_REP]]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_messages_may_come_in_pieces_of_any_size(size: int) -> None:
    world = World()
    client = world.connect()
    octets = b"".join(encode_message(Flag.TSA_MSG, b"request %d" % n) for n in range(4))
    for start in range(0, len(octets), size):
        client.send(octets[start : start + size])
    world.turn()
    world.answer(0)
    assert [value for _, value in client.replies] == [b"token of request %d" % n for n in range(4)]


# --- what cannot be read on -----------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, VALUE_LIMIT + 2, (1 << 32) - 1])
def test_a_length_no_message_has_is_an_error_and_the_end_after_what_is_owed(length: int) -> None:
    world = World()
    client = world.connect()
    client.ask(b"request")
    world.turn()
    client.send(length.to_bytes(4, "big") + b"\x00")
    world.turn()
    assert client.replies == []
    world.answer(0)
    assert client.flags == [Flag.FINAL_MSG_REP, Flag.ERROR_MSG_REP]
    assert client.is_closing


def test_what_came_in_one_read_before_an_unreadable_length_is_answered() -> None:
    world = World()
    client = world.connect()
    client.send(encode_message(Flag.TSA_MSG, b"sound") + bytes(4))
    world.turn()
    world.answer(0)
    world.turn()
    assert client.flags == [Flag.FINAL_MSG_REP, Flag.ERROR_MSG_REP]
    assert client.is_closing


def test_nothing_is_heard_after_an_unreadable_length() -> None:
    world = World()
    client = world.connect()
    client.send(bytes(4))
    client.connection.dataReceived(encode_message(Flag.TSA_MSG, b"request"))
    world.turn()
    assert world.batches == []
    assert client.flags == [Flag.ERROR_MSG_REP]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_garbage_raises_nothing_and_is_answered_in_whole_messages(pieces: list[bytes]) -> None:
    world = World(with_signer=False)
    client = world.connect()
    for piece in pieces:
        client.connection.dataReceived(piece)
    world.clock.pump([0.0, 0.0])
    assert set(client.flags) <= set(Flag)


# --- peers who do not read, and pipelines too long ------------------------------------------------


def test_a_full_pipeline_stops_reading_until_a_reply_has_left() -> None:
    world = World(limits=TcpLimits(pipeline=4))
    client = world.connect()
    client.ask(b"1", b"2", b"3")
    assert client.is_read
    client.ask(b"4")
    assert not client.is_read
    world.turn()
    world.answer(0)
    assert client.is_read
    assert len(client.replies) == 4


def test_one_read_brings_no_more_than_the_pipeline_to_the_signer() -> None:
    world = World(limits=TcpLimits(pipeline=2))
    client = world.connect()
    client.send(
        b"".join(encode_message(Flag.TSA_MSG, b"%d" % number) for number in range(5)) + bytes(4)
    )
    for batch, waiting in enumerate((2, 2, 1)):
        world.turn()
        assert [len(each.asks) for each in world.batches][batch:] == [waiting]
        world.answer(batch)
    world.turn()
    assert [value for _, value in client.replies[:5]] == [b"token of %d" % n for n in range(5)]
    assert client.flags[5:] == [Flag.ERROR_MSG_REP]
    assert client.is_closing


def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    client = World().connect()
    client.connection.pauseProducing()
    assert not client.is_read
    client.connection.resumeProducing()
    assert client.is_read


def test_a_peer_that_reads_again_is_still_bound_by_its_pipeline() -> None:
    world = World(limits=TcpLimits(pipeline=1))
    client = world.connect()
    client.ask(b"1")
    client.connection.pauseProducing()
    client.connection.resumeProducing()
    assert not client.is_read


def test_a_peer_that_never_reads_is_cut_off() -> None:
    world = World()
    client = world.connect()
    client.ask(b"1")
    world.turn()
    client.connection.pauseProducing()
    world.clock.pump([1.0] * int(LIMITS.write_deadline_s))
    assert not client.is_aborted
    world.clock.advance(1.0)
    assert client.is_aborted


def test_a_refused_peer_that_does_not_read_its_error_is_cut_off() -> None:
    world = World()
    client = world.connect()
    client.send(bytes(4))
    world.turn()
    assert client.is_closing
    world.clock.pump([1.0] * int(LIMITS.idle_s + 1))
    assert client.is_aborted


# --- deadlines ------------------------------------------------------------------------------------


def test_an_idle_connection_is_closed_without_a_word() -> None:
    world = World()
    client = world.connect()
    world.clock.pump([1.0] * int(LIMITS.idle_s))
    assert not client.is_aborted
    world.clock.advance(1.0)
    assert client.is_aborted
    assert client.replies == []


def test_a_message_that_drips_is_told_and_ended_however_steadily_it_comes() -> None:
    world = World()
    client = world.connect()
    for octet in encode_message(Flag.TSA_MSG, b"request")[:11]:
        client.send(bytes((octet,)))
        world.clock.advance(1.0)
    world.turn()
    assert client.flags == [Flag.ERROR_MSG_REP]
    assert client.is_closing
    world.clock.pump([1.0, 1.0])
    assert client.is_aborted


def test_each_message_begins_its_own_deadline() -> None:
    world = World()
    client = world.connect()
    whole = encode_message(Flag.TSA_MSG, b"request")
    for _ in range(4):
        client.send(whole + whole[:3])
        world.clock.advance(LIMITS.message_deadline_s - 1.0)
        client.send(whole[3:])
    world.turn()
    assert not client.is_closing
    assert not client.is_aborted


def test_a_client_is_not_blamed_while_we_are_the_slow_one() -> None:
    polls: list[Callable[[bytes], None]] = []
    world = World()
    world.desk.poll = lambda _reference, _client, done: polls.append(done)  # type: ignore[method-assign,assignment]
    client = world.connect()
    client.poll(7)
    world.clock.pump([1.0] * 300)
    assert not client.is_aborted
    polls[0](b"at last")
    world.turn()
    assert client.flags == [Flag.FINAL_MSG_REP]


# --- ends -----------------------------------------------------------------------------------------


def test_a_connection_lost_while_answers_are_pending_takes_none_and_leaves_nothing() -> None:
    world = World()
    client = world.connect()
    client.ask(b"1")
    world.turn()
    client.connection.connectionLost()
    world.answer(0)
    assert client.transport.value() == b""
    assert world.factory.connections == set()
    assert not world.desk.is_busy


def test_a_connection_lost_between_an_answer_and_its_turn_sends_nothing() -> None:
    world = World()
    client = world.connect()
    client.send(encode_message(Flag.NEG_POLL_REP, b""))
    client.connection.connectionLost()
    world.turn()
    assert client.transport.value() == b""
