"""Listening sockets: bound once, passed on by systemd's protocol, adopted."""

import fcntl
import json
import os
import socket
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.daemon.listeners import (
    FIRST_DESCRIPTOR,
    Listener,
    bind_tcp,
    bind_udp,
    bind_unix,
    inherited,
)
from appliance.errors import Fault, Malformed


def close(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.socket.close()


def ports(listeners: list[Listener]) -> list[int]:
    return [listener.socket.getsockname()[1] for listener in listeners]


# --- binding --------------------------------------------------------------------------------------


def test_a_free_port_is_the_same_in_both_families() -> None:
    bound = bind_tcp("tsp", ("127.0.0.1", "::1"), 0)
    assert [each.socket.family for each in bound] == [socket.AF_INET, socket.AF_INET6]
    assert len(set(ports(bound))) == 1
    assert all(not each.socket.getblocking() for each in bound)
    close(bound)


def test_the_first_family_may_be_ipv6() -> None:
    bound = bind_tcp("tsp", ("::1", "127.0.0.1"), 0)
    assert len(bound) == 2
    close(bound)


def test_an_address_that_this_host_lacks_is_left_out() -> None:
    bound = bind_tcp("tsp", ("2001:db8::1", "127.0.0.1"), 0)
    assert [each.socket.family for each in bound] == [socket.AF_INET]
    close(bound)
    bound = bind_tcp("tsp", ("127.0.0.1", "2001:db8::1"), 0)
    assert [each.socket.family for each in bound] == [socket.AF_INET]
    close(bound)


def test_no_address_at_all_is_a_fault() -> None:
    with pytest.raises(Fault, match="2001:db8::1"):
        bind_tcp("tsp", ("2001:db8::1", "2001:db8::2"), 0)


@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_taken_in_one_family_is_a_fault_and_leaves_nothing_bound(taken: str) -> None:
    holder = bind_tcp("other", (taken,), 0)
    (port,) = ports(holder)
    with pytest.raises(Fault, match="Address already in use"):
        bind_tcp("tsp", ("127.0.0.1", "::1"), port)
    close(holder)
    close(bind_tcp("tsp", ("127.0.0.1", "::1"), port))


def test_a_udp_port_is_the_same_in_both_families_and_nobody_elses() -> None:
    bound = bind_udp("ntp", ("127.0.0.1", "::1"), 0)
    assert [each.socket.family for each in bound] == [socket.AF_INET, socket.AF_INET6]
    assert {each.socket.type for each in bound} == {socket.SOCK_DGRAM}
    assert all(not each.socket.getblocking() for each in bound)
    (port,) = set(ports(bound))
    with pytest.raises(Fault, match="Address already in use"):
        bind_udp("ntp", ("127.0.0.1", "::1"), port)
    close(bound)


def test_a_unix_socket_is_for_its_owner_and_replaces_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "stamp.sock"
    mask = os.umask(0)
    try:
        for _ in range(2):
            listener = bind_unix("stamp", path)
            listener.socket.close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert os.umask(0) == 0
    finally:
        os.umask(mask)


# --- inheriting -----------------------------------------------------------------------------------


HERE = ("127.0.0.1", 0)
# A child, for descriptors 3 and 4 of this process may be somebody's.
CHILD = """
import json, os
from appliance.daemon.listeners import inherited

own = {"LISTEN_PID": str(os.getpid())} if os.environ.pop("NAMED", "") else {}
found = inherited({**os.environ, **own})
print(json.dumps([[each.name, each.socket.fileno(), each.socket.getblocking()] for each in found]))
"""


@pytest.mark.parametrize("named", ["", "yes"])
def test_listeners_are_taken_by_name_and_never_block(named: str) -> None:
    variables = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "NAMED": named}
    reader, writer = os.pipe()
    with socket.create_server(HERE) as one, socket.create_server(HERE) as two:
        high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 100) for each in (one, two)]
        actions = [
            (os.POSIX_SPAWN_DUP2, writer, 1),
            *((os.POSIX_SPAWN_DUP2, each, FIRST_DESCRIPTOR + at) for at, each in enumerate(high)),
        ]
        command = [sys.executable, "-c", CHILD]
        pid = os.posix_spawn(
            sys.executable, command, {**os.environ, **variables}, file_actions=actions
        )
        for each in (writer, *high):
            os.close(each)
        with os.fdopen(reader, "rb") as told:
            found = json.load(told)
    assert os.waitpid(pid, 0)[1] == 0
    assert found == [["a", 3, False], ["b", 4, False]]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_FDS": "0", "LISTEN_FDNAMES": ""},
        {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "a", "LISTEN_PID": "1"},
    ],
    ids=["nothing", "none", "for another process"],
)
def test_what_is_not_for_us_is_left(environment: Mapping[str, str]) -> None:
    assert inherited(environment) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "a"},
        {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "a:b"},
        {"LISTEN_FDS": "2"},
        {"LISTEN_FDS": "many", "LISTEN_FDNAMES": "a"},
        {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "a", "LISTEN_PID": "me"},
        {"LISTEN_FDS": "-1", "LISTEN_FDNAMES": "a"},
    ],
)
def test_variables_that_disagree_are_malformed(environment: Mapping[str, str]) -> None:
    with pytest.raises(Malformed):
        inherited(environment)


def test_a_descriptor_that_was_not_passed_is_malformed() -> None:
    names = ":".join("x" * 1000)
    with pytest.raises(Malformed, match="no socket"):
        inherited({"LISTEN_FDS": "1000", "LISTEN_FDNAMES": names})
