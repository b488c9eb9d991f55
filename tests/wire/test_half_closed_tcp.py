"""Clients of RFC 3161 3.3 that close their direction when they have asked."""

from kit.tcp import LIMITS, World

from appliance.wire.tsp_frames import Flag, encode_message
from appliance.wire.tsp_tcp import TcpLimits


def test_a_client_that_sends_no_more_gets_every_answer_in_order_before_the_end() -> None:
    world = World()
    client = world.connect()
    client.ask(b"1", b"2")
    client.poll(7)
    client.close_its_direction()
    world.turn()
    assert not client.is_closing
    world.answer(0)
    assert len(client.replies) == 2
    assert not client.is_closing
    world.answer_poll(b"late")
    assert [value for _, value in client.replies] == [b"token of 1", b"token of 2", b"late"]
    assert client.is_closing


def test_a_client_that_asked_nothing_and_sends_no_more_is_gone_at_once() -> None:
    client = World().connect()
    client.close_its_direction()
    assert client.is_closing
    assert client.replies == []


def test_a_client_that_stops_amid_a_message_is_told_after_its_answers() -> None:
    world = World()
    client = world.connect()
    client.send(encode_message(Flag.TSA_MSG, b"whole") + encode_message(Flag.TSA_MSG, b"half")[:7])
    client.close_its_direction()
    world.turn()
    world.answer(0)
    world.turn()
    assert client.flags == [Flag.FINAL_MSG_REP, Flag.ERROR_MSG_REP]
    assert b"amid" in client.replies[1][1]
    assert client.is_closing


def test_a_long_pipeline_is_answered_whole_to_a_client_that_sends_no_more() -> None:
    world = World(limits=TcpLimits(pipeline=2))
    client = world.connect()
    asked = b"".join(encode_message(Flag.TSA_MSG, b"%d" % number) for number in range(5))
    client.send(asked + b"\0\0")
    client.close_its_direction()
    for batch in range(3):
        assert not client.is_closing
        world.turn()
        world.answer(batch)
    world.turn()
    assert [value for _, value in client.replies[:5]] == [b"token of %d" % n for n in range(5)]
    assert client.flags[5:] == [Flag.ERROR_MSG_REP]
    assert client.is_closing


def test_a_closed_direction_is_never_read_again() -> None:
    world = World(limits=TcpLimits(pipeline=2))
    client = world.connect()
    resumed: list[str] = []
    client.ask(b"1", b"2", b"3")
    client.transport.resumeProducing = lambda: resumed.append("again")
    client.close_its_direction()
    client.connection.pauseProducing()
    client.connection.resumeProducing()
    for batch in range(2):
        world.turn()
        world.answer(batch)
    assert client.is_closing
    assert resumed == []


def test_a_client_that_sends_no_more_and_reads_nothing_is_cut_off() -> None:
    world = World()
    client = world.connect()
    client.ask(b"1")
    client.close_its_direction()
    world.turn()
    client.connection.pauseProducing()
    world.clock.pump([1.0] * int(LIMITS.write_deadline_s + 1))
    assert client.is_aborted
