"""`openssl cmp` as an authority elsewhere: it grants the one certificate that it was given."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Self

from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.transaction import Outcome, Transaction
from appliance.quantities import Utc
from kit import openssl

SECRET = SharedSecret(b"box", b"a shared secret")
_GUARD_S = 20.0
_STARTS = 5


def make_authority(folder: Path) -> None:
    """Leave in `folder` a CA, and a P-256 request with the certificate that it is to be granted."""
    openssl.run("ecparam", "-genkey", "-name", "prime256v1", "-out", folder / "ca.key")
    openssl.run(
        *("req", "-x509", "-new", "-key", folder / "ca.key", "-subj", "/CN=Other CA"),
        *("-days", "10", "-out", folder / "ca.pem"),
    )
    openssl.run("ecparam", "-genkey", "-name", "prime256v1", "-out", folder / "leaf.key")
    openssl.run(
        *("req", "-new", "-key", folder / "leaf.key", "-subj", "/CN=leaf"),
        *("-out", folder / "leaf.csr"),
    )
    openssl.run(
        *("x509", "-req", "-in", folder / "leaf.csr", "-CA", folder / "ca.pem"),
        *("-CAkey", folder / "ca.key", "-days", "5", "-out", folder / "leaf.pem"),
    )


def now() -> Utc:
    """Tell the host's time."""
    return Utc(time.time_ns() // 1000)


class MockAuthority:
    """One `openssl cmp -port` on what `make_authority` left in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = folder / "cmp.log"
        self.port: int
        self.process: subprocess.Popen[bytes]
        self._folder = folder
        self._options = options

    def _start(self) -> None:
        self.port = _free_port()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *("openssl", "cmp", "-port", str(self.port), "-accept_raverified"),
                    *("-srv_ref", "box", "-srv_secret", "pass:a shared secret"),
                    *("-rsp_cert", "leaf.pem", "-rsp_extracerts", "ca.pem", *self._options),
                ],
                cwd=self._folder,
                stdout=log,
                stderr=log,
            )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/pkix/"

    def __enter__(self) -> Self:
        for _ in range(_STARTS):
            self._start()
            if self._listens():
                return self
            self.process.kill()
            self.process.wait()
        raise AssertionError(self.log.read_text())

    def _listens(self) -> bool:
        """Wait until it does; False when it ends, as it does where another took its port."""
        for _ in range(round(_GUARD_S / 0.05)):
            if self.process.poll() is not None:
                return False
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return True
            time.sleep(0.05)
        return False

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def post(self, octets: bytes) -> bytes:
        """Carry one message there and its answer back."""
        fields = {"Content-Type": "application/pkixcmp"}
        request = urllib.request.Request(self.url, octets, fields)
        with urllib.request.urlopen(request, timeout=_GUARD_S) as answer:
            return bytes(answer.read())

    def finish(self, exchange: Transaction, message: bytes) -> tuple[Outcome, int]:
        """Carry messages until the transaction is over: the outcome, and how many went out."""
        sent = 1
        outcome = exchange.hear(self.post(message), now())
        while outcome.following:
            outcome = exchange.hear(self.post(outcome.following), now())
            sent += 1
        return outcome, sent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
