"""OCSP over HTTP, as clients and caches see it."""

import base64
from email.utils import formatdate
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.crls import after_stamping
from kit.http import Client, post
from kit.ocsp import LATER, NOW, Answer
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.asn1.status.ocsp import MAX_REQUEST_OCTETS, ResponseStatus, decode_response
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.errors import Malformed
from appliance.wire.http.site import Site
from appliance.wire.ocsp_http import decode_path, ocsp_routes

ANSWER = Answer().der()
SLASHED = b"\xff" * 90
"""Octets whose base64 is full of slashes."""
TYPE = "Content-Type: application/ocsp-request"


@attrs.define
class Signer:
    """Who is asked; it answers when the test says so."""

    answer: bytes | None = ANSWER
    asked: list = attrs.Factory(list)
    waiting: list = attrs.Factory(list)

    def __call__(self, octets, replied):
        self.asked.append(octets)
        if self.answer is None:
            self.waiting.append(replied)
        else:
            replied(self.answer)


def connected(signer, now=NOW):
    routes = ocsp_routes(signer, wall_s=lambda: now.posix_us / 1_000_000)
    site = Site(routes, clock=Clock(), wall_s=lambda: 0.0)
    site.doStart()
    return Client(site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000)))


def get(path, *fields, method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: box", *fields, "", ""]).encode()


def base64_of(octets):
    return base64.b64encode(octets).decode()


def asked_for(octets, *fields, signer=None, now=NOW):
    client = connected(signer or Signer(), now)
    client.send(get("/ocsp/" + quote(base64_of(octets), safe=""), *fields))
    return client.answers[0]


def test_a_posted_question_is_answered():
    signer = Signer()
    client = connected(signer)
    client.send(post(b"question", TYPE, path="/ocsp"))
    answer = client.answers[0]
    assert signer.asked == [b"question"]
    assert (answer.status, answer.body) == (200, ANSWER)
    assert answer.fields["content-type"] == "application/ocsp-response"
    assert "etag" not in answer.fields


def test_an_answer_may_come_later():
    signer = Signer(answer=None)
    client = connected(signer)
    client.send(post(b"question", TYPE, path="/ocsp"))
    assert client.answers == []
    signer.waiting[0](ANSWER)
    assert client.answers[0].body == ANSWER


def test_a_body_of_another_type_is_refused():
    client = connected(Signer())
    client.send(post(b"question", "Content-Type: text/plain", path="/ocsp"))
    assert client.statuses == [415]


def test_a_body_beyond_the_limit_is_refused():
    client = connected(Signer())
    client.send(post(bytes(MAX_REQUEST_OCTETS + 1), TYPE, path="/ocsp"))
    assert client.statuses == [413]


@pytest.mark.parametrize("safe", ["", "/", "/+="], ids=["escaped", "slashes", "bare"])
@pytest.mark.parametrize("start", ["/ocsp/", "/ocsp//"])
def test_a_question_in_the_path_may_hold_slashes(start, safe):
    signer = Signer()
    client = connected(signer)
    client.send(get(start + quote("MC8/" + base64_of(SLASHED), safe=safe)))
    assert client.statuses == [200]
    assert signer.asked == [base64.b64decode("MC8/") + SLASHED]


def test_an_answer_to_get_says_how_long_it_may_be_kept():
    answer = asked_for(b"0question")
    fields = answer.fields
    assert fields["last-modified"] == formatdate(NOW.posix_us // 1_000_000, usegmt=True)
    assert fields["expires"] == formatdate(LATER.posix_us // 1_000_000, usegmt=True)
    assert fields["cache-control"] == "max-age=86400, public, no-transform, must-revalidate"
    assert fields["etag"].startswith('"')


def test_a_client_that_has_the_answer_is_told_so():
    etag = asked_for(b"0question").fields["etag"]
    for given_tag in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        client = connected(Signer())
        path = "/ocsp/" + base64_of(b"0question")
        client.send(get(path, f"If-None-Match: {given_tag}"))
        head, _, body = client.transport.value().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 304")
        assert body == b""
    assert asked_for(b"0question", 'If-None-Match: "other"').status == 200


def test_head_gives_no_body():
    client = connected(Signer())
    client.send(get("/ocsp/" + base64_of(b"0question"), method="HEAD"))
    head, _, body = client.transport.value().partition(b"\r\n\r\n")
    assert f"Content-Length: {len(ANSWER)}".encode() in head
    assert body == b""


@pytest.mark.parametrize(
    "octets",
    [
        Answer(nonce=b"n").der(),
        Answer(next_update=None).der(),
        Answer(this_update=after_stamping(-2), next_update=after_stamping(-1)).der(),
        encode_error(ResponseStatus.TRY_LATER),
    ],
    ids=["nonce", "no end", "old", "error"],
)
def test_what_another_must_not_get_is_not_kept(octets):
    answer = asked_for(b"0question", "If-None-Match: *", signer=Signer(answer=octets))
    assert (answer.status, answer.body) == (200, octets)
    assert answer.fields["cache-control"] == "no-store"
    assert "etag" not in answer.fields


@pytest.mark.parametrize("path", ["/ocsp/!", "/ocsp/MC8", "/ocsp/%", "/ocsp/MC8%3D%3D%3D"])
def test_a_path_that_is_no_base64_is_a_malformed_request(path):
    signer = Signer()
    client = connected(signer)
    client.send(get(path))
    assert signer.asked == []
    assert decode_response(client.answers[0].body).status is ResponseStatus.MALFORMED_REQUEST


def test_no_question_is_no_path():
    client = connected(Signer())
    client.send(get("/ocsp/"))
    assert client.statuses == [404]


@given(st.binary(min_size=1).filter(lambda octets: not base64_of(octets).startswith("/")))
def test_any_octets_come_back_from_a_path(octets):
    text = base64_of(octets)
    assert decode_path(text) == decode_path(quote(text, safe="")) == octets


@given(st.text(st.characters(max_codepoint=255)))
def test_any_path_is_octets_or_malformed(text):
    try:
        assert isinstance(decode_path(text), bytes)
    except Malformed:
        return
