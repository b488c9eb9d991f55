"""One direction closed: by clients that have asked, by us to those who were refused."""

from kit.http import TcpTransport
from kit.tcp import LIMITS, Client, World

from appliance.wire.connections import LINGER_S
from appliance.wire.tsp.frames import Flag, encode_message
from appliance.wire.tsp.tcp import TcpLimits


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


# --- a refused client is left the time to read why ------------------------------------------------


def refused(*, with_answer_owed: bool = False) -> tuple[World, Client, TcpTransport]:
    """Connect over TCP and send a length that no message has."""
    world = World()
    transport = TcpTransport()
    client = world.connect(transport=transport)
    if with_answer_owed:
        client.ask(b"owed")
        world.turn()
    client.send(bytes(4))
    world.turn()
    return world, client, transport


def test_a_refused_client_is_heard_out_after_its_error() -> None:
    world, client, transport = refused()
    assert client.flags == [Flag.ERROR_MSG_REP]
    assert transport.is_half_closed
    assert not client.is_closing
    assert client.is_read
    client.ask(b"request")
    world.turn()
    assert world.batches == []


def test_a_refused_client_is_heard_out_only_after_what_is_owed() -> None:
    world, client, transport = refused(with_answer_owed=True)
    assert not transport.is_half_closed
    world.answer(0)
    assert client.flags == [Flag.FINAL_MSG_REP, Flag.ERROR_MSG_REP]
    assert transport.is_half_closed


def test_a_refused_client_that_hangs_up_is_gone_at_once() -> None:
    _, client, _ = refused()
    client.close_its_direction()
    assert client.is_closing


def test_a_refused_client_that_goes_on_sending_is_cut_off() -> None:
    world, client, _ = refused()
    for _ in range(int(LINGER_S) + 1):
        assert not client.is_aborted
        client.send(bytes(1000))
        world.clock.advance(1.0)
    assert client.is_aborted


def test_a_client_that_sends_no_more_is_not_waited_for_after_its_error() -> None:
    world = World()
    transport = TcpTransport()
    client = world.connect(transport=transport)
    client.send(bytes(4))
    client.close_its_direction()
    world.turn()
    assert client.flags == [Flag.ERROR_MSG_REP]
    assert client.is_closing
    assert not transport.is_half_closed
