"""HTTP clients that close their direction when they have asked still get their answers."""

from kit.http import Client, Desk, TcpTransport, World, post
from twisted.internet.interfaces import IHalfCloseableProtocol


def close_its_direction(client: Client) -> None:
    """Shut the client's direction, as shutdown(2) does; the transport says so to who asks."""
    assert IHalfCloseableProtocol.providedBy(client.connection)
    client.connection.readConnectionLost()


def test_a_client_that_sends_no_more_gets_every_answer_before_the_end() -> None:
    desk = Desk()
    client = World(desk).connect()
    client.send(post(b"1") + post(b"2"))
    close_its_direction(client)
    assert not client.is_ended
    desk.answer(1, b"second")
    assert client.answers == []
    desk.answer(0, b"first")
    assert [answer.body for answer in client.answers] == [b"first", b"second"]
    assert client.is_ended
    assert not client.is_aborted


def test_a_client_that_asked_nothing_and_sends_no_more_is_gone_at_once() -> None:
    for sent in (b"", post(b"body")[:-2]):
        client = World().connect()
        client.send(sent)
        close_its_direction(client)
        assert client.is_ended
        assert client.answers == []


def test_a_closed_direction_is_never_read_again() -> None:
    desk = Desk()
    client = World(desk).connect()
    resumed: list[str] = []
    client.transport.resumeProducing = lambda: resumed.append("again")
    client.send(post(b"1"))
    close_its_direction(client)
    client.connection.pauseProducing()
    client.connection.resumeProducing()
    desk.answer(0, b"first")
    assert client.is_ended
    assert resumed == []


def test_a_refused_client_that_hangs_up_while_it_is_heard_out_is_gone() -> None:
    world = World()
    connection = world.connect().connection.site.connect(b"client")
    client = Client(connection, TcpTransport())
    client.send(b"GARBAGE\r\n\r\n")
    assert not client.is_ended
    close_its_direction(client)
    assert client.is_ended
