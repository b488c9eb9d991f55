"""Logs as JSON lines, readiness, and the lifeline of a child."""

import io
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.authority import authority
from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.testing import MemoryReactor
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure

from appliance.crypto import classical
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.engine import choose_engine
from appliance.crypto.sealing import Kek
from appliance.crypto.secret import SecretBuffer
from appliance.daemon.logs import json_observer
from appliance.daemon.supervision.lifeline import hold_lifeline
from appliance.daemon.supervision.notify import notify
from appliance.services.commissioning import Identity
from appliance.services.unlocking import Unlocked


class Book:
    """A logger and the lines it wrote."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.writer = Logger("x", observer=LogPublisher(json_observer("signer", self.stream)))

    @property
    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.stream.getvalue().split("\n")[:-1]]


@pytest.fixture
def book() -> Book:
    return Book()


# --- logs -----------------------------------------------------------------------------------------


def test_a_line_says_event_level_role_and_instant_first(book: Book) -> None:
    book.writer.warn("the {what} is late", what="page", count=3)
    (line,) = book.lines
    assert list(line)[:4] == ["event", "level", "role", "at"]
    assert (line["event"], line["level"], line["role"]) == ("the page is late", "warn", "signer")
    assert line["at"].endswith("Z")
    assert (line["what"], line["count"]) == ("page", "3")


def test_a_field_never_hides_what_every_line_says(book: Book) -> None:
    book.writer.info("truth", event="lie", role="lie", at="lie")
    assert "lie" not in book.lines[0].values()


def test_debug_is_not_written(book: Book) -> None:
    book.writer.debug("much")
    assert book.lines == []


def test_an_event_is_one_line_whatever_stands_in_it(book: Book) -> None:
    book.writer.info("two {what}", what="lines\nand \u2028 a\0nul 时印")
    assert book.stream.getvalue().count("\n") == 1
    assert book.lines[0]["what"] == "lines\nand \u2028 a\0nul 时印"


def test_a_failure_is_written_with_its_trace(book: Book) -> None:
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        book.writer.failure("it broke")
    (line,) = book.lines
    assert (line["event"], line["level"]) == ("it broke", "critical")
    assert "ZeroDivisionError" in line["trace"]


def test_no_secret_stands_in_what_is_logged_of_keys(book: Book) -> None:
    d = bytes(range(1, 33))
    with SecretBuffer(32) as secret:
        secret.view[:] = d
        choice = choose_engine()
        sm2 = choice.engine.load(secret)
        kek = Kek.derive(secret)
        certificate = authority(KeyAlgorithm.SM2).root.certificate
        identity = Identity("tsa", sm2, certificate, ())
        unlocked = Unlocked((), choice, kek, {"tsa": identity}, sm2)
        p256 = classical.generate(KeyAlgorithm.P256)
        book.writer.info("{secret}", secret=secret, keys=[sm2, p256], kek=kek, all=unlocked)
        with p256.export_secret() as exported:
            secrets = [d, bytes(exported.view)]
        derived = [bytes(kek.encryption.view), bytes(kek.mac.view)]
    unlocked.close()
    text = book.stream.getvalue()
    for value in (*secrets, *derived):
        for shown in (value.hex(), str(int.from_bytes(value, "big")), repr(value)[2:-1]):
            assert shown[:16] not in text


# --- readiness ------------------------------------------------------------------------------------


@pytest.fixture
def line() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as opened:
        opened.settimeout(20.0)
        yield opened


SAID = f"READY=1\nMAINPID={os.getpid()}".encode()


@pytest.mark.parametrize("name", ["notify.sock", "a@b.sock"])
def test_readiness_goes_to_the_socket_that_is_named(
    line: socket.socket, tmp_path: Path, name: str
) -> None:
    line.bind(str(tmp_path / name))
    notify({"NOTIFY_SOCKET": str(tmp_path / name)}, "READY=1")
    assert line.recv(1000) == SAID


def test_readiness_reaches_a_socket_however_deep_it_lies(
    line: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("d" * 200)
    folder.mkdir()
    monkeypatch.chdir(folder)
    line.bind("notify.sock")
    monkeypatch.chdir("/")
    notify({"NOTIFY_SOCKET": str(folder / "notify.sock")}, "READY=1")
    assert line.recv(1000) == SAID


def test_readiness_goes_to_an_abstract_name(line: socket.socket) -> None:
    line.bind(f"\0shiyin-test-{os.getpid()}@1")
    notify({"NOTIFY_SOCKET": f"@shiyin-test-{os.getpid()}@1"}, "READY=1")
    assert line.recv(1000) == SAID


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/no/such"}])
def test_without_a_supervisor_nothing_happens(environment: dict[str, str]) -> None:
    notify(environment, "READY=1")


# --- the lifeline ---------------------------------------------------------------------------------


@pytest.fixture
def supervisor_end() -> Iterator[int]:
    """Give the end of a pipe whose other end is standard input."""
    kept = os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    yield writing
    os.dup2(kept, 0)
    os.close(kept)


def read_once(lifeline: IReadDescriptor) -> None:
    """Do as the reactor does with what can be read."""
    reason = lifeline.doRead()
    if reason is not None:
        lifeline.connectionLost(Failure(reason))


def test_the_end_of_standard_input_is_told_once(supervisor_end: int) -> None:
    reactor, ended = MemoryReactor(), []
    hold_lifeline(reactor, lambda: ended.append(True))
    (lifeline,) = reactor.getReaders()
    assert lifeline.fileno() == 0
    os.write(supervisor_end, b"nothing of interest")
    read_once(lifeline)
    assert not ended
    os.close(supervisor_end)
    read_once(lifeline)
    assert ended == [True]
    assert reactor.getReaders() == []
