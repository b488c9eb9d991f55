"""The way to the box over HTTPS, one connection kept alive.  Section 11."""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from shiyin_cosign import json_form
from shiyin_cosign.enrolment import Message
from shiyin_cosign.errors import Malformed, Unreachable
from shiyin_cosign.phone import Result
from shiyin_cosign.requests import Request

TIMEOUT_S = 60.0
ANSWER_OCTETS_MAX = 8 << 20


def tls_context(ca: str) -> ssl.SSLContext:
    """Trust the authorities of a PEM text alone; the system's own where it is empty."""
    try:
        context = ssl.create_default_context(cadata=ca or None)
    except ssl.SSLError as error:
        raise Malformed("the authority's certificate is no PEM that TLS takes") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class HttpsChannel:
    """Requests as JSON over HTTPS; see `driving.Channel`."""

    def __init__(self, url: str, ca: str = "", timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname:
            raise Malformed("the box is at an https:// URL")
        self._prefix = parts.path.rstrip("/")
        self._connection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout_s, context=tls_context(ca)
        )

    def ask(self, request: Request) -> list[Result]:
        """Send a request and give its results."""
        path, body = json_form.request_path(request), json_form.encode_request(request)
        return json_form.decode_results(self._post(path, body))

    def enrol(self, message: Message) -> Message:
        """Send a message of an enrolment and give the next one."""
        path, body = json_form.enrol_path(message), json_form.encode_message(message)
        return json_form.decode_message(message.step + 1, self._post(path, body))

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def _post(self, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            self._connection.request("POST", self._prefix + path, body, headers)
            response = self._connection.getresponse()
            answer = response.read(ANSWER_OCTETS_MAX + 1)
        except ssl.SSLCertVerificationError as error:
            self._connection.close()
            raise Malformed(f"the box's TLS certificate does not check: {error}") from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(f"the box does not answer: {error}") from error
        if len(answer) > ANSWER_OCTETS_MAX:
            self._connection.close()
            raise Malformed("an answer is larger than any that the box gives")
        if response.status != http.client.OK:
            raise json_form.rejection(response.status, answer)
        return answer
