"""The HTTP layer: deadlines, limits of connections, and peers who do not read."""

from kit.http import Client, Desk, TcpTransport, World, echo, post
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.testing import MemoryReactorClock

from appliance.wire.http.site import HttpConnection, Limits

LIMITS = Limits()


def head_of(octets: int) -> bytes:
    return post(bytes(octets)).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


# --- deadlines ------------------------------------------------------------------------------------


def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    world = World()
    client = world.connect()
    world.clock.advance(LIMITS.head_deadline_s)
    assert not client.is_ended
    world.clock.advance(1.0)
    assert client.is_aborted
    assert client.answers == []


def test_a_head_that_takes_too_long_is_408_however_steadily_it_drips() -> None:
    world = World()
    client = world.connect()
    for octet in b"POST /echo H":
        client.send(bytes((octet,)))
        world.clock.advance(1.0)
    assert client.statuses == [408]
    assert client.is_ended


def test_a_body_that_takes_too_long_is_408() -> None:
    world = World()
    client = world.connect()
    client.send(head_of(20))
    for _ in range(12):
        client.send(b"x")
        world.clock.advance(1.0)
    assert client.statuses == [408]
    assert client.is_ended


def test_after_a_408_nothing_more_is_waited_for() -> None:
    world = World()
    client = world.connect()
    client.send(head_of(20))
    world.clock.advance(11.0)
    assert not client.is_aborted
    world.clock.pump([1.0, 1.0])
    assert client.is_aborted
    assert client.statuses == [408]


def test_an_idle_connection_is_closed_without_a_word() -> None:
    world = World()
    client = world.connect()
    client.send(post())
    world.clock.advance(LIMITS.idle_s)
    assert not client.is_ended
    world.clock.advance(1.0)
    assert client.is_aborted
    assert client.statuses == [200]


def test_empty_lines_between_requests_are_not_the_begin_of_one() -> None:
    world = World()
    client = world.connect()
    client.send(post() + b"\r\n")
    world.clock.advance(LIMITS.head_deadline_s + 1.0)
    assert not client.is_ended


def test_empty_lines_do_not_keep_a_connection_open() -> None:
    world = World()
    client = world.connect()
    for _ in range(12):
        client.send(b"\r\n")
        world.clock.advance(1.0)
    assert client.is_aborted


def test_each_request_begins_its_own_head_deadline() -> None:
    world = World()
    client = world.connect()
    client.send(post())
    world.clock.advance(30.0)
    client.send(b"POST ")
    world.clock.advance(LIMITS.head_deadline_s)
    assert not client.is_ended
    world.clock.advance(1.0)
    assert client.statuses == [200, 408]


def test_a_client_is_not_blamed_while_we_are_the_slow_one() -> None:
    desk = Desk()
    world = World(desk)
    client = world.connect()
    client.send(post())
    world.clock.pump([1.0] * 300)
    assert not client.is_ended
    desk.answer(0, b"at last")
    assert client.statuses == [200]


# --- peers who do not read ------------------------------------------------------------------------


def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    client = World().connect()
    client.connection.pauseProducing()
    assert not client.is_read
    client.connection.resumeProducing()
    assert client.is_read


def test_a_peer_that_does_not_read_for_long_is_cut_off() -> None:
    world = World()
    client = world.connect()
    client.send(post())
    client.connection.pauseProducing()
    world.clock.advance(LIMITS.write_deadline_s)
    assert not client.is_ended
    world.clock.advance(1.0)
    assert client.is_aborted


def test_a_peer_that_does_not_read_amid_its_own_request_is_cut_off() -> None:
    world = World()
    client = world.connect()
    client.send(post() + b"POST ")
    client.connection.pauseProducing()
    world.clock.pump([1.0] * 40)
    assert client.is_aborted


def test_a_full_pipeline_is_not_read_from_until_it_has_room() -> None:
    desk = Desk()
    client = World(desk, limits=Limits(pipeline=3)).connect()
    client.send(post() + post())
    assert client.is_read
    client.send(post())
    assert not client.is_read
    desk.answer(1, b"not yet the first")
    assert not client.is_read
    desk.answer(0, b"the first")
    assert client.is_read


def test_a_pipeline_with_room_waits_for_a_peer_that_does_not_read() -> None:
    desk = Desk()
    client = World(desk, limits=Limits(pipeline=1)).connect()
    client.send(post())
    client.connection.pauseProducing()
    desk.answer(0, b"")
    assert not client.is_read
    client.connection.resumeProducing()
    assert client.is_read


class FullPipe(FileDescriptor):
    """Twisted's own buffering, towards a peer that takes octets only when told to."""

    def __init__(self) -> None:
        super().__init__(MemoryReactorClock())
        self.connected = True
        self.is_flowing = False
        self.is_closed = False

    def writeSomeData(self, data: bytes) -> int:  # noqa: N802  Twisted's name
        return len(data) if self.is_flowing else 0

    def connectionLost(self, reason: object) -> None:
        self.is_closed = True

    def flow(self) -> None:
        self.is_flowing = True
        while not self.is_closed and (reason := self.doWrite()) is None and self.dataBuffer:
            pass
        if reason is not None:
            self.connectionLost(reason)


def test_a_connection_with_much_unsent_still_closes_after_its_last_answer() -> None:
    desk = Desk()
    connection = World(desk).site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
    assert isinstance(connection, HttpConnection)
    pipe = FullPipe()
    connection.makeConnection(pipe)
    connection.dataReceived(post() + post(b"", "Connection: close"))
    desk.answer(0, bytes(pipe.bufferSize + 1))
    pipe.doWrite()
    assert pipe.producerPaused
    desk.answer(1, b"last")
    pipe.flow()
    assert pipe.is_closed


# --- clients that still send what was refused -----------------------------------------------------


def send_too_much() -> tuple[World, Client, TcpTransport]:
    """Give a client that was refused by 413 over TCP and has its body still to send."""
    world = World()
    connection = world.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
    assert isinstance(connection, HttpConnection)
    transport = TcpTransport()
    client = Client(connection, transport)
    client.send(head_of(1001))
    return world, client, transport


def test_a_refused_client_may_send_on_and_read_why() -> None:
    _, client, transport = send_too_much()
    client.send(bytes(1001))
    client.send(post())
    assert client.statuses == [413]
    assert transport.is_half_closed
    assert not client.is_ended
    assert client.is_read


def test_a_refused_client_is_not_read_from_for_long() -> None:
    world, client, _ = send_too_much()
    for _ in range(4):
        client.send(bytes(1000))
        world.clock.advance(1.0)
    assert client.is_aborted


def test_a_connection_read_to_its_end_is_closed_at_once() -> None:
    world = World()
    connection = world.site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
    assert isinstance(connection, HttpConnection)
    client = Client(connection, TcpTransport())
    client.send(post(b"", "Connection: close"))
    assert client.transport.disconnecting


# --- numbers of connections -----------------------------------------------------------------------


def test_a_source_has_a_limit_of_connections() -> None:
    world = World(limits=Limits(connections_per_source=2))
    first, _ = world.connect(), world.connect()
    assert world.try_to_connect(IPv4Address("TCP", "192.0.2.1", 1)) is None
    assert world.try_to_connect(IPv4Address("TCP", "192.0.2.2", 1)) is not None
    assert world.site.refused_connections == 1
    first.hang_up()
    assert world.try_to_connect(IPv4Address("TCP", "192.0.2.1", 1)) is not None


def test_the_addresses_of_an_ipv6_64_are_one_source() -> None:
    world = World(limits=Limits(connections_per_source=1))
    first = world.connect("2001:db8::1")
    assert world.try_to_connect(IPv6Address("TCP", "2001:db8::2", 1)) is None
    assert world.try_to_connect(IPv6Address("TCP", "2001:db8:0:1::1", 1)) is not None
    first.hang_up()
    assert world.try_to_connect(IPv6Address("TCP", "2001:db8::2", 1)) is not None


def test_a_site_has_a_limit_of_connections() -> None:
    world = World(limits=Limits(connections=2))
    first, _ = world.connect("192.0.2.1"), world.connect("192.0.2.2")
    assert world.try_to_connect(IPv4Address("TCP", "192.0.2.3", 1)) is None
    first.hang_up()
    assert world.try_to_connect(IPv4Address("TCP", "192.0.2.3", 1)) is not None


def test_sources_that_are_gone_leave_nothing_behind() -> None:
    world = World()
    for number in range(5):
        world.connect(f"192.0.2.{number}").hang_up()
    assert not world.site.connections
    assert not world.site._per_source


# --- the sweep ------------------------------------------------------------------------------------


def test_the_sweep_lives_as_long_as_a_port_is_open() -> None:
    world = World()
    world.site.doStart()
    world.site.doStop()
    assert world.clock.getDelayedCalls()
    world.site.doStop()
    assert not world.clock.getDelayedCalls()
    world.site.doStart()
    client = world.connect()
    world.clock.advance(LIMITS.head_deadline_s + 1.0)
    assert client.is_aborted


def test_the_date_is_of_the_second_of_the_answer() -> None:
    now_s = [0.0]
    world = World(echo)
    world.site._wall_s = lambda: now_s[0]
    client = world.connect()
    for second in (0.0, 86_400.0):
        now_s[0] = second
        world.clock.advance(1.0)
        client.send(post())
    assert [answer.fields["date"] for answer in client.answers] == [
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 02 Jan 1970 00:00:00 GMT",
    ]
