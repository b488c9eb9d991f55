"""The way to the box in DER over TLS, one connection kept open.  Section 11."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from shiyin_cosign import der_form
from shiyin_cosign.enrolment import Message
from shiyin_cosign.errors import Malformed, Unreachable
from shiyin_cosign.https import TIMEOUT_S, tls_context
from shiyin_cosign.phone import Result
from shiyin_cosign.requests import Request

_T = TypeVar("_T")


class TlsTcpChannel:
    """Requests as DER in frames; see `driving.Channel`.  `place` is `host:port`."""

    def __init__(self, place: str, ca: str = "", timeout_s: float = TIMEOUT_S) -> None:
        host, _, port = place.rpartition(":")
        if not host or not port.isdigit():
            raise Malformed("the box's TCP port is told as host:port")
        self._address = (host.strip("[]"), int(port))
        self._context = tls_context(ca)
        self._timeout_s = timeout_s
        self._socket: ssl.SSLSocket | None = None

    def ask(self, request: Request) -> list[Result]:
        """Send a request and give its results."""
        return self._exchange(
            lambda identifier: der_form.encode_request(identifier, request),
            der_form.decode_results,
        )

    def enrol(self, message: Message) -> Message:
        """Send a message of an enrolment and give the next one."""
        return self._exchange(
            lambda identifier: der_form.encode_message(identifier, message),
            der_form.decode_message,
        )

    def close(self) -> None:
        """Let the connection go."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None

    def _exchange(
        self, encode: Callable[[bytes], bytes], decode: Callable[[bytes, bytes], _T]
    ) -> _T:
        identifier = os.urandom(der_form.ID_OCTETS)
        try:
            stream = self._connect()
            stream.sendall(encode(identifier))
            frame = _read_frame(stream)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise Malformed(f"the box's TLS certificate does not check: {error}") from error
        except OSError as error:
            self.close()
            raise Unreachable(f"the box does not answer: {error}") from error
        except Malformed:
            self.close()
            raise
        return decode(identifier, frame)

    def _connect(self) -> ssl.SSLSocket:
        if self._socket is None:
            plain = socket.create_connection(self._address, self._timeout_s)
            self._socket = self._context.wrap_socket(plain, server_hostname=self._address[0])
        return self._socket


def _read_frame(stream: ssl.SSLSocket) -> bytes:
    length = int.from_bytes(_read(stream, der_form.HEAD_OCTETS), "big")
    if length > der_form.ANSWER_OCTETS_MAX:
        raise Malformed("an answer is larger than any that the box gives")
    return _read(stream, length)


def _read(stream: ssl.SSLSocket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        part = stream.recv(size - len(octets))
        if not part:
            raise ConnectionResetError("the connection ended")
        octets += part
    return octets
