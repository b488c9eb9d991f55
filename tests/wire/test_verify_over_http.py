"""`POST /tsa/verify` as a client meets it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority
from kit.http import WALL_S, Client, post
from kit.tokens import DOCUMENT, Recipe
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.asn1 import pem
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.quantities import Utc
from appliance.services.verifying import TrustedRoots, Verifier
from appliance.wire.http.site import HttpConnection, Site
from appliance.wire.tsp.verification import verify_routes

MADE = authority(KeyAlgorithm.P256)
TOKEN = base64.b64encode(Recipe(signer=MADE.tsa).token()).decode()
DOCUMENT_TEXT = base64.b64encode(DOCUMENT).decode()
SOUND = {"token": TOKEN, "document": DOCUMENT_TEXT}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    path.write_bytes(pem.write("CERTIFICATE", MADE.root.certificate.der))
    clock = Clock()
    verifier = Verifier(TrustedRoots(LibcryptoEngine(), [path], clock), lambda: Utc(0))
    routes = verify_routes(verifier, deadline_s=60.0)
    return Site(routes, clock=clock, wall_s=lambda: WALL_S)


def ask(site, body, *fields):
    connection = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
    assert isinstance(connection, HttpConnection)
    client = Client(connection)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    client.send(post(text, *fields, path="/tsa/verify"))
    (answer,) = client.answers
    return answer


def test_a_genuine_token_is_valid(site):
    answer = ask(site, SOUND, "Content-Type: application/json; charset=utf-8")
    assert (answer.status, answer.fields["content-type"]) == (200, "application/json")
    facts = json.loads(answer.body)
    assert facts["verdict"] == "VALID"
    assert facts["signer"] == "TSA p256"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"document": ""}, "INVALID"),
        ({"token": "QUJD"}, "INVALID"),
        ({"digest": {"algorithm": "sm3", "value": "00" * 32}, "document": None}, "INDETERMINATE"),
    ],
)
def test_every_verdict_is_an_answer(site, changes, verdict):
    answer = ask(site, {**SOUND, **changes})
    assert answer.status == 200
    assert json.loads(answer.body)["verdict"] == verdict


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b'{"\xff": 1}', "utf-8"),
        (b'{"token": "", "document": "", "policy": "1.\xff"}', "utf-8"),
        (b'{"token": "", "document": "", "nonce": ' + b"9" * 5000 + b"}", "nonce"),
        (b"[]", "object"),
        ({"token": TOKEN}, "either digest or document"),
        ({**SOUND, "more": 1}, "unknown field `more`"),
        ({**SOUND, 'mo"re\n': 1}, "unknown field"),
        ({**SOUND, "token": "*"}, "base64"),
        ({**SOUND, "document": "*"}, "base64"),
        ({**SOUND, "nonce": "x"}, "nonce"),
        ({**SOUND, "policy": "x"}, "policy"),
        (b'{"token":"", "document":"", "document":""}', "twice"),
        (b'{"token":"", "document":"AAAA", "docum\\u0065nt":"BBBB"}', "twice"),
    ],
)
def test_a_body_that_is_no_question_is_a_problem(site, body, detail):
    answer = ask(site, body)
    assert (answer.status, answer.fields["content-type"]) == (400, "application/problem+json")
    assert detail in json.loads(answer.body)["detail"]


def test_another_media_type_is_refused(site):
    assert ask(site, SOUND, "Content-Type: text/plain").status == 415


def test_too_much_is_refused(site):
    text = {**SOUND, "certificates": "x" * (2 << 20)}
    assert ask(site, text).status == 413


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["token", "document", "digest", "crls", "nonce", "x"]), inner
            )
        ),
    )
)
def test_garbage_is_a_problem_and_never_a_fault(site, body):
    answer = ask(site, body)
    assert answer.status == 400
    assert json.loads(answer.body)["status"] == 400
