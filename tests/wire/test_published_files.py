"""Lists and certificates that the box publishes, over HTTP."""

import os
from email.utils import formatdate

import pytest
from kit.http import Client
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.wire.http.site import Site
from appliance.wire.published import published_routes

MODIFIED_S = 1_700_000_000


@pytest.fixture
def folder(tmp_path):
    for name in ("issuing-1.crl", "issuing-1.cer"):
        write(tmp_path / name, name.encode())
    return tmp_path


@pytest.fixture
def client(folder):
    return connected(folder)


def connected(folder, **limits):
    site = Site(published_routes(folder, **limits), clock=Clock(), wall_s=lambda: 0.0)
    site.doStart()
    return Client(site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000)))


def write(path, octets):
    """Replace a file as the signer does."""
    new = path.with_name("new")
    new.write_bytes(octets)
    os.utime(new, (MODIFIED_S, MODIFIED_S))
    new.replace(path)


def ask(client, path, *fields, method="GET"):
    """Ask, and give the answer's octets alone."""
    before = len(client.transport.value())
    lines = [f"{method} {path} HTTP/1.1", "Host: box", *fields, "", ""]
    client.send("\r\n".join(lines).encode())
    return client.transport.value()[before:]


def test_a_list_and_a_certificate_are_given_with_their_types(client):
    for place, name, kind in (
        ("crl", "issuing-1.crl", b"application/pkix-crl"),
        ("ca", "issuing-1.cer", b"application/pkix-cert"),
    ):
        head, _, body = ask(client, f"/{place}/{name}").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"Content-Type: " + kind in head
        assert b"Cache-Control: no-cache" in head
        assert f"Last-Modified: {formatdate(MODIFIED_S, usegmt=True)}".encode() in head
        assert body == name.encode()


def test_a_client_that_has_the_list_is_told_so_until_there_is_a_new_one(client, folder):
    etag = client_etag(client)
    given = f"If-None-Match: {etag}"
    answer = ask(client, "/crl/issuing-1.crl", given)
    assert answer.startswith(b"HTTP/1.1 304")
    assert answer.endswith(b"\r\n\r\n")
    write(folder / "issuing-1.crl", b"new")
    answer = ask(client, "/crl/issuing-1.crl", given)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nnew")


def client_etag(client):
    return client_field(ask(client, "/crl/issuing-1.crl"), "ETag")


def client_field(answer, name):
    lines = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    return next(line.partition(": ")[2] for line in lines if line.startswith(f"{name}: "))


def test_head_tells_the_length_alone(client):
    answer = ask(client, "/crl/issuing-1.crl", method="HEAD")
    assert client_field(answer, "Content-Length") == str(len("issuing-1.crl"))
    assert answer.endswith(b"\r\n\r\n")


def test_a_list_that_is_gone_is_not_given_from_memory(client, folder):
    ask(client, "/crl/issuing-1.crl")
    (folder / "issuing-1.crl").unlink()
    assert ask(client, "/crl/issuing-1.crl").startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    "path",
    [
        "/crl/none.crl",
        "/crl/issuing-1.cer",
        "/ca/issuing-1.crl",
        "/crl/..",
        "/crl/%2e%2e%2fsecret.crl",
        "/crl/.crl",
        "/crl/Issuing-1.crl",
        "/crl/issuing-1.crl%0a",
        "/crl/issuing-1.crl~",
        "/crl/pipe.crl",
        "/crl/link.crl",
        "/crl/folder.crl",
        "/crl/" + "a" * 64 + ".crl",
    ],
)
def test_nothing_else_is_published(client, folder, path):
    os.mkfifo(folder / "pipe.crl")
    (folder / "folder.crl").mkdir()
    (folder / "link.crl").symlink_to(folder / "issuing-1.crl")
    assert ask(client, path).startswith(b"HTTP/1.1 404")


def test_a_file_beyond_the_limit_is_not_given(folder):
    client = connected(folder, max_file_octets=3)
    assert ask(client, "/crl/issuing-1.crl").startswith(b"HTTP/1.1 404")


def test_what_memory_cannot_hold_is_given_all_the_same(folder):
    client = connected(folder, kept_octets=5)
    for _ in range(2):
        assert ask(client, "/crl/issuing-1.crl").endswith(b"\r\n\r\nissuing-1.crl")
