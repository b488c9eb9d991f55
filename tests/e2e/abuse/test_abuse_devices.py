"""What hostile clients do to the ports of phones, before and inside TLS."""

import select
import socket
import ssl
import time

import pytest
from kit.abuse import GUARD_S, Attacker, Line, all_over, keep_up
from kit.box import Box
from kit.device_api import ID, MAC, framed, text_of

from appliance.asn1.cosign import CosignMsg, Enrol, Error, decode_message, encode_message

pytestmark = pytest.mark.e2e

ATTACKERS = 40
FLOOD = 5000
MALFORMED = 1
BUFFERS_OCTETS = 16 * 1024 * 1024
ENROL = framed(encode_message(CosignMsg(ID, Enrol(1, bytes(4000), MAC))))
BODY = b'{"message": "%s", "mac": "%s"}' % (text_of(bytes(4000)).encode(), text_of(MAC).encode())
HEAD = (
    b"POST /v1/device/enrol/1 HTTP/1.1\r\nHost: box\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)


@pytest.fixture
def device_port(besieged: Box) -> int:
    return int(besieged.facts["device"].rpartition(":")[2])


@pytest.fixture
def cosign_port(besieged: Box) -> int:
    return int(besieged.facts["cosign_tcp"].rpartition(":")[2])


@pytest.fixture(params=["device", "cosign_tcp"])
def port(request: pytest.FixtureRequest, besieged: Box) -> int:
    return int(besieged.facts[request.param].rpartition(":")[2])


def shaken(attacker: Attacker, port: int, count: int = 1) -> list[Line]:
    """Open connections and shake hands on each."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    lines = attacker.connect(port, count)
    for line in lines:
        line.socket.setblocking(True)
        line.socket.settimeout(GUARD_S)
        line.socket = context.wrap_socket(line.socket)
        line.socket.setblocking(False)
    return lines


def listen(line: Line) -> None:
    """Take what has come through TLS."""
    try:
        while octets := line.socket.recv(1 << 16):
            line.heard += octets
        line.is_over = True
    except ssl.SSLWantReadError:
        return
    except OSError:
        line.is_over = True


def send(line: Line, octets: bytes) -> int:
    """Send what TLS takes at once."""
    try:
        return line.socket.send(octets)
    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
        return 0
    except OSError:
        line.is_over = True
        return 0


def drip_until_over(lines: list[Line], octets: bytes) -> None:
    """Send octet after octet on every line until the box has ended all of them."""
    end, at = time.monotonic() + GUARD_S, 0
    while not all(line.is_over for line in lines):
        assert time.monotonic() < end, "the box lets the attack go on"
        for line in lines:
            send(line, octets[at : at + 1])
            listen(line)
        at += 1
        select.select((), (), (), 0.05)


def codes(line: Line) -> list[int]:
    """Give the codes of the refusals that a line heard."""
    found, octets = [], line.heard
    while octets:
        stop = 4 + int.from_bytes(octets[:4], "big")
        body = decode_message(octets[4:stop]).body
        assert isinstance(body, Error)
        found.append(body.code)
        octets = octets[stop:]
    return found


# --- before TLS -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/1.1\r\n\r\n", bytes(65536)],
    ids=["nothing", "half a hello", "HTTP", "zeros"],
)
def test_who_does_not_shake_hands_is_cut_off(attacker: Attacker, port: int, octets: bytes) -> None:
    lines = attacker.connect(port, ATTACKERS)
    for line in lines:
        line.send(octets)
    keep_up(lines, all_over(lines))


def test_a_handshake_that_drips_is_cut_off_at_its_deadline(attacker: Attacker, port: int) -> None:
    lines = attacker.connect(port, ATTACKERS)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)
    keep_up(lines, all_over(lines), drip=lambda _line, turn: hello[turn : turn + 1])


# --- inside it ------------------------------------------------------------------------------------


def test_silence_after_the_handshake_is_cut_off(attacker: Attacker, port: int) -> None:
    lines = shaken(attacker, port, ATTACKERS)
    drip_until_over(lines, b"")


def test_frames_that_drip_are_told_so_at_their_deadline(
    attacker: Attacker, cosign_port: int
) -> None:
    lines = shaken(attacker, cosign_port, ATTACKERS)
    drip_until_over(lines, ENROL)
    assert {tuple(codes(line)) for line in lines} == {(MALFORMED,)}


@pytest.mark.parametrize("octets", [HEAD, HEAD + BODY], ids=["heads", "bodies"])
def test_heads_and_bodies_that_drip_are_told_so_at_their_deadline(
    attacker: Attacker, device_port: int, octets: bytes
) -> None:
    lines = shaken(attacker, device_port, ATTACKERS)
    start = len(HEAD) if octets != HEAD else 0
    for line in lines:
        send(line, octets[:start])
    drip_until_over(lines, octets[start:])
    assert {line.heard.split()[1] for line in lines} == {b"408"}


def test_a_frame_of_4_gib_is_refused_by_its_length(attacker: Attacker, cosign_port: int) -> None:
    lines = shaken(attacker, cosign_port, ATTACKERS)
    for line in lines:
        send(line, b"\xff\xff\xff\xff" + bytes(60_000))
    drip_until_over(lines, bytes(10_000))
    assert {tuple(codes(line)) for line in lines} <= {(MALFORMED,), ()}
    assert any(codes(line) for line in lines)


def test_a_flood_of_the_smallest_frames_is_answered_one_by_one(
    attacker: Attacker, cosign_port: int
) -> None:
    (line,) = shaken(attacker, cosign_port)
    octets = framed(b"\0") * FLOOD
    end = time.monotonic() + GUARD_S
    while octets or len(codes(line)) < FLOOD:
        assert time.monotonic() < end, "the flood is not answered"
        octets = octets[send(line, octets[: 1 << 14]) :]
        if not octets or len(octets) % 5 == 0:
            listen(line)
        select.select((line.socket,), (), (), 0.01)
    assert set(codes(line)) == {MALFORMED}


def test_answers_that_are_never_read_stop_at_the_buffers(
    attacker: Attacker, cosign_port: int
) -> None:
    (line,) = shaken(attacker, cosign_port)
    line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
    supply, taken, quiet_since = framed(b"\0") * 3000, 0, time.monotonic()
    while taken < 4 * BUFFERS_OCTETS and not line.is_over and time.monotonic() - quiet_since < 1:
        sent = send(line, supply)
        taken += sent
        if sent:
            quiet_since = time.monotonic()
        else:
            select.select((), (line.socket,), (), 0.05)
    assert taken < BUFFERS_OCTETS
    end = time.monotonic() + GUARD_S
    while not line.is_over:
        assert time.monotonic() < end, "the box keeps who does not read"
        send(line, b"\0")
        select.select((), (), (), 0.05)
