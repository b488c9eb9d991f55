"""TLS before HTTP, as curl, openssl and rude clients find it."""

import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kit.polling import wait_until
from kit.tls_port import CONNECTIONS, LARGE

pytestmark = pytest.mark.e2e

GUARD_S = 60.0
TESTS = Path(__file__).parents[1]


@attrs.frozen
class Served:
    """A running port: its folder of identities, its ports by family, its process."""

    folder: Path
    port: int
    port6: int
    pid: int

    @property
    def root(self) -> Path:
        return self.folder / "root.pem"

    def curl(self, path: str, *options: str | Path) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [
                "curl",
                "-sS",
                "--cacert",
                self.root,
                *options,
                f"https://127.0.0.1:{self.port}{path}",
            ],
            capture_output=True,
            timeout=GUARD_S,
            check=False,
        )

    def openssl(self, *options: str, said: bytes = b"") -> str:
        """Shake hands by `openssl s_client`, say something, and give its report."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", *options],
            input=said,
            capture_output=True,
            timeout=GUARD_S,
            check=False,
        )
        return (done.stdout + done.stderr).decode("utf-8", "replace")

    def tcp(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=GUARD_S)

    def tls(self) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=str(self.root))
        return context.wrap_socket(self.tcp(), server_hostname="127.0.0.1")

    def wait_until_alone(self) -> None:
        """Wait until a new connection is the only one that the port knows of."""
        wait_until(self._is_alone, guard_s=GUARD_S, what="an empty port")

    def _is_alone(self) -> bool:
        try:
            with self.tls() as client:
                client.sendall(get("/open", "Connection: close"))
                return read_all(client).endswith(b"\r\n\r\n1")
        except OSError:  # as many as may be
            return False


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: box", *fields, "", ""]).encode()


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65_536), b""))


def is_cut(client: socket.socket) -> bool:
    """Wait for the other end to close, politely or not, having said nothing."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def make_identity(folder: Path, serial_number: int) -> None:
    """Write root.pem, chain.pem and key.pem for 127.0.0.1 and ::1."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    hosts = [x509.IPAddress(ipaddress.ip_address(host)) for host in ("127.0.0.1", "::1")]
    now = dt.datetime.now(dt.UTC)  # noqa: TID251  curl judges by the real clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
        .public_bytes(Encoding.PEM)
    )
    (folder / "root.pem").write_bytes(certificate)
    (folder / "chain.pem").write_bytes(certificate)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(private)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    make_identity(folder, 1)
    environment = os.environ | {"PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    with subprocess.Popen(
        [sys.executable, "-m", "kit.tls_port", folder], stdout=subprocess.PIPE, env=environment
    ) as child:
        try:
            assert child.stdout
            port, port6 = (int(child.stdout.readline()) for _ in range(2))
            yield Served(folder, port, port6, child.pid)
        finally:
            child.kill()


# --- what is agreed -------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "told"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_openssl_shakes_hands_by_tls_1_2_and_1_3_without_compression(
    served: Served, option: str, told: str
) -> None:
    report = served.openssl(option, "-CAfile", str(served.root), "-verify_return_error")
    assert f"New, {told}, Cipher is" in report or f"Protocol  : {told}" in report
    assert "Verify return code: 0 (ok)" in report
    assert "Compression: NONE" in report


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_what_is_older_than_tls_1_2_is_refused(served: Served, option: str) -> None:
    report = served.openssl(option, "-cipher", "ALL:@SECLEVEL=0")
    assert "Cipher is (NONE)" in report
    assert "alert protocol version" in report


@pytest.mark.parametrize("cipher", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_ciphers_without_forward_secrecy_or_aead_are_refused(served: Served, cipher: str) -> None:
    assert "Cipher is (NONE)" in served.openssl("-tls1_2", "-cipher", cipher)


def test_renegotiation_is_refused(served: Served) -> None:
    assert "no renegotiation" in served.openssl("-tls1_2", "-msg", said=b"R\n").replace("_", " ")


@pytest.mark.parametrize(("offered", "told"), [("h2,http/1.1", "http/1.1"), ("h2", None)])
def test_alpn_agrees_on_http_1_1_alone(served: Served, offered: str, told: str | None) -> None:
    report = served.openssl("-alpn", offered)
    wanted = "No ALPN negotiated" if told is None else f"ALPN protocol: {told}"
    assert wanted in report


def test_no_session_is_offered_to_be_taken_up_again(served: Served) -> None:
    report = served.openssl("-tls1_2")
    assert "Session-ID: \n" in report
    assert "session ticket" not in report


# --- HTTP through it ------------------------------------------------------------------------------


def test_curl_posts_and_gets_large_bodies(served: Served, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(LARGE)
    for option in ("--tlsv1.3", "--tls-max=1.2"):
        version = option.split("=")
        echoed = served.curl("/echo", *version, "-f", "--data-binary", f"@{sent}")
        assert echoed.stdout == LARGE, echoed.stderr
    assert served.curl("/large", "-f").stdout == LARGE


def test_curl_keeps_one_connection_for_several_calls(served: Served) -> None:
    url = f"https://127.0.0.1:{served.port}/client"
    heard = served.curl("/client", "-w", "\n%{num_connects}\n", url, url).stdout.decode()
    lines = heard.split()
    assert lines[1::2] == ["1", "0", "0"]
    assert len(set(lines[::2])) == 1


def test_pipelined_requests_are_answered_in_order(served: Served) -> None:
    paths = ["/client", "/late", "/open"] * 4
    with served.tls() as client:
        client.sendall(b"".join(map(get, paths)) + get("/large", "Connection: close"))
        heard = read_all(client)
    bodies = [part.rpartition(b"\r\n")[2] for part in heard.split(b"HTTP/1.1 ")[1:-1]]
    assert [body == b"late" for body in bodies] == [path == "/late" for path in paths]
    assert heard.endswith(b"\r\n\r\n" + LARGE)


def test_a_refused_client_reads_why_although_its_body_is_not_read(served: Served) -> None:
    with served.tls() as client:
        client.sendall(b"POST /nowhere HTTP/1.1\r\nHost: box\r\nContent-Length: 999999\r\n\r\n")
        client.sendall(bytes(100_000))
        assert read_all(client).startswith(b"HTTP/1.1 404 ")


def test_the_address_of_a_client_over_ipv6_is_found(served: Served) -> None:
    done = subprocess.run(
        ["curl", "-sS", "-f", "--cacert", served.root, f"https://[::1]:{served.port6}/client"],
        capture_output=True,
        timeout=GUARD_S,
        check=True,
    )
    assert done.stdout.startswith(b"[::1]:")


# --- rude clients ---------------------------------------------------------------------------------


def test_plain_http_is_closed_and_not_answered(served: Served) -> None:
    with served.tcp() as client:
        client.sendall(get("/client"))
        assert b"HTTP" not in read_all(client)


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
def test_a_handshake_that_is_not_finished_is_cut(served: Served, begun: bytes) -> None:
    with served.tcp() as client:
        client.sendall(begun)
        assert is_cut(client)


def test_a_client_that_keeps_silent_after_its_handshake_is_cut(served: Served) -> None:
    with served.tls() as client:
        assert is_cut(client)


def test_a_client_that_does_not_read_is_cut(served: Served) -> None:
    with served.tls() as client:
        client.sendall(get("/large") * 8)
        served.wait_until_alone()


def test_a_client_that_goes_before_its_answer_leaves_nothing_behind(served: Served) -> None:
    for is_polite in (True, False):
        client = served.tls()
        client.sendall(get("/late"))
        if is_polite:
            client.unwrap()
        client.close()
    served.wait_until_alone()


def test_half_a_close_ends_the_whole_connection(served: Served) -> None:
    with served.tls() as client:
        client.sendall(get("/client"))
        assert client.recv(1) == b"H"
        client.shutdown(socket.SHUT_WR)
        served.wait_until_alone()


def test_garbage_within_tls_is_answered_400(served: Served) -> None:
    with served.tls() as client:
        client.sendall(b"\0\xff garbage\r\n\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 400 ")


def test_connections_are_limited_before_their_handshake(served: Served) -> None:
    served.wait_until_alone()
    with ExitStack() as held:
        for _ in range(CONNECTIONS):
            held.enter_context(served.tcp())
        with pytest.raises((ConnectionError, ssl.SSLEOFError)):
            served.tls()
    served.wait_until_alone()


# --- the identity ---------------------------------------------------------------------------------


def test_a_new_identity_is_shown_to_new_connections_and_open_ones_go_on(
    served: Served, tmp_path: Path
) -> None:
    make_identity(tmp_path, 2)
    old = served.tls()
    try:
        shown = old.getpeercert(binary_form=True)
        for name in ("root.pem", "chain.pem", "key.pem"):
            shutil.copy(tmp_path / name, served.folder / name)
        old.sendall(b"POST /identity HTTP/1.1\r\nHost: box\r\nContent-Length: 0\r\n\r\n")
        assert b" 200 " in old.recv(4096)
        with served.tls() as new:
            assert new.getpeercert(binary_form=True) != shown
        old.sendall(get("/client", "Connection: close"))
        assert b" 200 " in read_all(old)
    finally:
        old.close()


def test_an_identity_that_is_none_is_refused_and_the_old_one_stays(
    served: Served, tmp_path: Path
) -> None:
    make_identity(tmp_path, 3)
    good = (served.folder / "key.pem").read_bytes()
    try:
        for octets in ((tmp_path / "key.pem").read_bytes(), b"no key"):
            (served.folder / "key.pem").write_bytes(octets)
            assert b'"status": 422' in served.curl("/identity", "-d", "").stdout
            assert served.curl("/client", "-f").returncode == 0
    finally:
        (served.folder / "key.pem").write_bytes(good)
