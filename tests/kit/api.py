"""The application interface of a running box, as a client of it: TLS, a token, one connection."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import attrs

from appliance.asn1 import pem
from appliance.asn1.names import encode_name
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.issuing import spki_of
from appliance.pki.requests import make_request
from kit.authority import generate, signing
from kit.polling import wait_until

GUARD_S = 60.0
PAGE = 500
_JSON = "application/json"


@attrs.frozen
class Answer:
    """One answer; names of fields in lower case."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as plain values."""
        return json.loads(self.body)


class Api:
    """Calls made one after another under one token."""

    def __init__(self, base: str, roots: Path, token: str | None) -> None:
        self._host = urlsplit(base).netloc
        self._context = ssl.create_default_context(cafile=str(roots))
        self._token = token
        self._connection: http.client.HTTPSConnection | None = None
        self._last = ""

    @classmethod
    def of(cls, facts: Mapping[str, Any], role: str) -> Self:
        """Act as an account of the demo, once the box has its certificate: by ready.json's word."""
        tokens = json.loads(Path(facts["demo_credentials"]).read_text("utf-8"))["tokens"]
        api = cls(facts["api"], Path(facts["ca_cert"]), tokens[role])
        api.wait()
        return api

    @property
    def bearer(self) -> str:
        """What shows its token in the field Authorization."""
        return f"Bearer {self._token}"

    def wait(self) -> None:
        """Wait until it answers under a certificate of its own authority, with its signer there."""
        try:
            wait_until(self._is_there, guard_s=GUARD_S, what="the interface")
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}: it answers {self._last}") from None

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        **fields: str,
    ) -> Answer:
        """Make a call; `fields` are HTTP fields, `_` standing for `-`.  Raises OSError."""
        sent = {name.replace("_", "-"): value for name, value in fields.items()}
        if self._token is not None:
            sent.setdefault("Authorization", self.bearer)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", _JSON)
        try:
            return self._exchange(method, path, body, sent)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ConnectionError(str(error)) from error

    def get(self, path: str, **query: object) -> Any:
        """Get something that is to be had."""
        answer = self.ask("GET", f"{path}?{urlencode(query)}" if query else path)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, body: Any = None) -> Any:
        """Do something that can be done."""
        answer = self.ask("POST", path, body)
        assert answer.status in (200, 201, 202), answer
        return answer.json

    def items(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Give every row of a list, page by page."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, **query, limit=PAGE, cursor=cursor)
            yield from page["items"]
            cursor = page["next"]

    def issue(self, **wish: object) -> dict[str, Any]:
        """Have a certificate issued, and give it as it is shown."""
        request = self.post("/v1/requests", wish)
        assert request["state"] == "issued", request
        found: dict[str, Any] = self.get(f"/v1/certificates/{request['certificate_id']}")
        return found

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_there(self) -> bool:
        try:
            answer = self.ask("GET", "/v1/authorities")
        except ConnectionError as error:
            self._last = str(error)
            return False
        self._last = f"{answer.status} {answer.body!r}"
        return answer.status == 200

    def _exchange(
        self, method: str, path: str, body: bytes | None, fields: Mapping[str, str]
    ) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._host, context=self._context, timeout=GUARD_S
            )
        self._connection.request(method, path, body=body, headers=dict(fields))
        response = self._connection.getresponse()
        heard = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, heard, response.read())


def make_csr(algorithm: KeyAlgorithm) -> str:
    """Make a PKCS#10 request in PEM with a key of its own."""
    key = generate(algorithm)
    spki = spki_of(algorithm, key.public)
    made = make_request(encode_name("whoever"), spki, algorithm, signing(key))
    key.close()
    return pem.write("CERTIFICATE REQUEST", made).decode()
