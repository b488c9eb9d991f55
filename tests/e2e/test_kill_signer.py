"""kill -9 of the signer under load: what was given out is unique, in order and on record."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import attrs
import pytest
from kit.box import Box, running_box
from kit.ledger_rows import read_rows, read_token_of, rebuild
from kit.polling import wait_until
from kit.tsp_client import QUERY_TYPE, make_query, read_reply

from appliance.services.stamp_ledger import Kind
from appliance.store.ledger.chain import Row
from appliance.tsp.record import Stamp

pytestmark = pytest.mark.e2e

ROUNDS = 2
KILLS = 5
"""In each round; a new supervisor restarts what dies at once again, so two rounds are shorter."""

PROFILES = ("sm2", "gmt", "p256") * 2
TOKENS_BETWEEN_KILLS = 10
GUARD_S = 60.0
PAUSE_S = 0.02
SYSTEM_FAILURE = (25,)
SERIAL_START = slice(0, 9)
"""Node and the random part of a process start; the counter follows."""


class Client(Thread):
    """One keep-alive connection that asks again and again, and keeps what it was given in order."""

    def __init__(self, url: str) -> None:
        super().__init__()
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=GUARD_S)
        self._path = parts.path
        self.stopping = Event()
        self.responses: list[bytes] = []
        self.refusals: set[bytes] = set()

    def run(self) -> None:
        query = make_query(nonce=1)
        while not self.stopping.is_set():
            self._connection.request("POST", self._path, query, {"Content-Type": QUERY_TYPE})
            response = self._connection.getresponse()
            assert response.status == 200
            body = response.read()
            if len(body) > 256:
                self.responses.append(body)
            else:
                self.refusals.add(body)
                self.stopping.wait(PAUSE_S)
        self._connection.close()


@attrs.frozen
class Aftermath:
    """What the clients hold, and what the ledger says, after the box has stopped."""

    clients: list[Client]
    rows: list[Row]
    stamps: dict[bytes, Stamp]
    state: Path

    def stamps_of(self, client: Client) -> list[Stamp]:
        """Give the rows of what a client received, in the order of receipt."""
        return [self.stamps[read_token_of(response)] for response in client.responses]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    state = tmp_path_factory.mktemp("killed") / "state"
    clients: list[Client] = []
    for _ in range(ROUNDS):
        with running_box(state) as box, asking(box) as fresh:
            kill_again_and_again(box, fresh)
            clients += fresh
    rows = read_rows(state / "signer" / "ledger")
    return Aftermath(clients, rows, rebuild(rows), state)


@contextlib.contextmanager
def asking(box: Box) -> Iterator[list[Client]]:
    """Give clients that are asking all the while."""
    clients = [Client(box.url(profile)) for profile in PROFILES]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.join(GUARD_S)


def kill_again_and_again(box: Box, clients: list[Client]) -> None:
    """Kill each signer once every client has tokens of it; end when every one has of the last."""
    pid = 0
    for turn in range(KILLS + 1):
        pid = box.pid("signer", other_than=pid)
        held = [len(client.responses) for client in clients]
        wait_until(
            lambda held=held: all(
                len(client.responses) >= before + TOKENS_BETWEEN_KILLS
                for client, before in zip(clients, held, strict=True)
            ),
            guard_s=GUARD_S,
            what="tokens from a new signer",
        )
        if turn < KILLS:
            os.kill(pid, signal.SIGKILL)


def test_every_client_was_served_by_every_signer_of_its_round(aftermath: Aftermath) -> None:
    assert sum(row.kind == Kind.START for row in aftermath.rows) == ROUNDS * (KILLS + 1)
    for client in aftermath.clients:
        signers = {stamp.serial[SERIAL_START] for stamp in aftermath.stamps_of(client)}
        assert len(signers) == KILLS + 1


def test_every_token_given_out_is_its_ledger_row_octet_for_octet(aftermath: Aftermath) -> None:
    given = [read_token_of(body) for client in aftermath.clients for body in client.responses]
    assert len(given) >= ROUNDS * len(PROFILES) * (KILLS + 1) * TOKENS_BETWEEN_KILLS
    assert [token for token in given if token not in aftermath.stamps] == []


def test_no_token_and_no_serial_is_given_twice(aftermath: Aftermath) -> None:
    given = [stamp.serial for client in aftermath.clients for stamp in aftermath.stamps_of(client)]
    assert len(set(given)) == len(given)
    kept = [row.serial for row in aftermath.rows if row.kind == Kind.STAMP]
    assert len(set(kept)) == len(kept)


def test_gen_time_rises_strictly_on_each_connection(aftermath: Aftermath) -> None:
    for client in aftermath.clients:
        times = [stamp.gen_time_us for stamp in aftermath.stamps_of(client)]
        assert all(earlier < later for earlier, later in pairwise(times))


def test_gen_time_rises_strictly_with_the_serial_and_over_every_start(
    aftermath: Aftermath,
) -> None:
    starts = list(dict.fromkeys(s.serial[SERIAL_START] for s in aftermath.stamps.values()))
    order = {start: place for place, start in enumerate(starts)}
    ordered = sorted(
        aftermath.stamps.values(), key=lambda s: (order[s.serial[SERIAL_START]], s.serial)
    )
    assert len(starts) == ROUNDS * (KILLS + 1)
    assert all(earlier.gen_time_us < later.gen_time_us for earlier, later in pairwise(ordered))


def test_what_was_not_served_was_a_system_failure(aftermath: Aftermath) -> None:
    refusals = {body for client in aftermath.clients for body in client.refusals}
    assert {read_reply(body).failures for body in refusals} == {SYSTEM_FAILURE}


def test_the_operator_proves_the_ledger_and_rebuilds_a_token(
    aftermath: Aftermath, tmp_path: Path
) -> None:
    response = aftermath.clients[0].responses[-1]
    serial = aftermath.stamps[read_token_of(response)].serial.hex()
    shiyin(aftermath.state, "audit", "show", serial, "--out", tmp_path / "token")
    assert (tmp_path / "token").read_bytes() == read_token_of(response)
    proof = shiyin(aftermath.state, "audit", "verify")
    assert (proof["ledger"], proof["rows"]) == ("sound", len(aftermath.rows))


def shiyin(state: Path, *arguments: str | Path) -> dict[str, object]:
    """Run the operator's command of the box that had this state."""
    cli = Path(sys.executable).with_name("shiyin")
    done = subprocess.run(
        [cli, "--state", state, "--json", *arguments],
        check=True,
        capture_output=True,
        timeout=GUARD_S,
    )
    facts: dict[str, object] = json.loads(done.stdout)
    return facts
