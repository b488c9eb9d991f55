"""`POST /tsa/stf/{operation}` as a client meets it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.authority import authority
from kit.http import WALL_S, Client, post
from kit.tokens import DOCUMENT, Recipe, hashed, tst_info
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from appliance.asn1 import oids, pem
from appliance.asn1.tsp import PKIFailureInfo, decode_request, encode_rejection, message_imprint
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.services.verifying import TrustedRoots
from appliance.tsp import stf
from appliance.wire.http.site import HttpConnection, Site
from appliance.wire.tsp.stf import stf_routes

MADE = authority(KeyAlgorithm.SM2)
IMPRINT = hashed(oids.SM3, DOCUMENT)
ECONTENT = tst_info(
    hash_algorithm=oids.SM3, imprint=IMPRINT, imprint_tlv=message_imprint(oids.SM3, IMPRINT)
)
RESPONSE = Recipe(signer=MADE.tsa, econtent=ECONTENT).response()
OK = {"code": "0x00000000", "name": "STF_TS_OK"}


class Desk:
    """Answers every request with one response."""

    def __init__(self):
        self.asked = []
        self.response = RESPONSE

    def submit(self, profile, request, client, done):
        self.asked.append((profile, request))
        done(self.response)


@pytest.fixture(scope="module")
def desk():
    return Desk()


@pytest.fixture(scope="module")
def site(tmp_path_factory, desk):
    path = tmp_path_factory.mktemp("roots") / "roots.pem"
    path.write_bytes(pem.write("CERTIFICATE", MADE.root.certificate.der))
    clock = Clock()
    roots = TrustedRoots(LibcryptoEngine(), [path], clock)
    routes = stf_routes(desk, roots, {KeyAlgorithm.SM2: "first"}, deadline_s=60.0)
    return Site(routes, clock=clock, wall_s=lambda: WALL_S)


def ask(site, operation, body, *fields):
    connection = site.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40_000))
    assert isinstance(connection, HttpConnection)
    client = Client(connection)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    client.send(post(text, *fields, path=f"/tsa/stf/{operation}"))
    (answer,) = client.answers
    return answer.status, json.loads(answer.body)


def text(octets):
    return base64.b64encode(octets).decode()


def test_a_request_is_made_with_a_nonce_of_its_own(site):
    made = [ask(site, "CreateTSRequest", {"data": text(DOCUMENT)})[1] for _ in range(2)]
    requests = [decode_request(base64.b64decode(each.pop("request"))) for each in made]
    assert made == [OK, OK]
    assert [request.imprint for request in requests] == [IMPRINT, IMPRINT]
    assert requests[0].nonce_tlv != requests[1].nonce_tlv


def test_a_response_is_had_from_the_profile_of_the_key(site, desk):
    body = {"request": text(b"query"), "signature_algorithm": stf.SGD_SM3_SM2}
    assert ask(site, "CreateTSResponse", body) == (200, {**OK, "response": text(RESPONSE)})
    assert desk.asked[-1] == ("first", b"query")


def test_a_rejection_is_its_number(site, desk, monkeypatch):
    rejection = encode_rejection(PKIFailureInfo.timeNotAvailable, "no")
    monkeypatch.setattr(desk, "response", rejection)
    _, facts = ask(site, "CreateTSResponse", {"request": ""})
    assert facts == {"code": "0x0400000A", "name": "STF_TS_TIME_NOT_AVAILABLE"}


@pytest.mark.parametrize("number", [stf.SGD_SHA256_RSA, 1])
def test_a_signature_nobody_makes_here_is_an_invalid_algorithm(site, number):
    body = {"request": "", "signature_algorithm": number}
    assert ask(site, "CreateTSResponse", body)[1]["name"] == "STF_TS_INVALID_ALG"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "STF_TS_OK"),
        ({"data": text(DOCUMENT)}, "STF_TS_OK"),
        ({"data": text(b"another")}, "STF_TS_INVALID_SIGNATURE"),
        ({"response": ""}, "STF_TS_MALFORMAT"),
    ],
)
def test_a_token_is_verified(site, changes, name):
    body = {"response": text(RESPONSE), **changes}
    assert ask(site, "VerifyTSValidity", body)[1]["name"] == name


def test_the_facts_of_a_token_are_told(site):
    body = {"response": text(RESPONSE)}
    told = {"issuer_name": "TSA sm2", "time": "20260301083000.123456Z"}
    assert ask(site, "GetTSInfo", body) == (200, {**OK, **told})
    assert ask(site, "GetTSInfo", {"response": ""})[1]["name"] == "STF_TS_MALFORMAT"
    detail = {**body, "item": stf.Item.RESPONSE_TYPE}
    assert ask(site, "GetTSDetail", detail) == (200, {**OK, "value": text(b"http")})
    assert ask(site, "GetTSDetail", {**body, "item": 0})[1]["name"] == "STF_TS_INVALID_ITEM"


def test_an_operation_nobody_knows_is_not_found(site):
    status, facts = ask(site, "InitEnvironment", {})
    assert status == 404
    assert "CreateTSRequest" in facts["detail"]


def test_another_media_type_is_refused(site):
    assert ask(site, "GetTSInfo", {"response": ""}, "Content-Type: text/xml")[0] == 415


@given(
    st.sampled_from(
        ["CreateTSRequest", "CreateTSResponse", "VerifyTSValidity", "GetTSInfo", "GetTSDetail"]
    ),
    st.binary(max_size=100),
)
def test_garbage_is_a_problem(site, operation, body):
    assert ask(site, operation, body)[0] == 400
