"""The bench of verification: its tokens, its worker, its questions."""

import base64
import json
from threading import Barrier

import pytest
from benches.load import Exchange
from benches.tokens import Hierarchy
from benches.verify import Work, _is_valid, _question, verify_for

from appliance.asn1 import der, oids
from appliance.asn1.tsp import encode_request
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.tsp.hashes import digest_imprint
from appliance.tsp.verifying.report import Verdict
from appliance.tsp.verifying.verification import Expected, Trust, verify_token

ENGINE = LibcryptoEngine()


def test_every_tsa_of_the_bench_makes_tokens_that_verify():
    hierarchy = Hierarchy(ENGINE)
    trust = Trust.under(ENGINE, [decode_certificate(hierarchy.root)])
    signers = set()
    for sample in [hierarchy.tsa().sample() for _ in range(3)]:
        expected = Expected(digest_imprint(oids.SM3, sample.imprint))
        report = verify_token(sample.token, expected, trust)
        assert report.verdict is Verdict.VALID, report.detail
        signers.add(report.signer_name)
    assert len(signers) == 3


@pytest.mark.parametrize("is_forgetful", [False, True])
def test_a_worker_counts_what_it_verified_and_what_failed(is_forgetful):
    hierarchy = Hierarchy(ENGINE)
    tsa = hierarchy.tsa()
    sound = tuple(tsa.sample() for _ in range(100))
    work = Work(hierarchy.root, sound, 0.01, is_forgetful)
    done = verify_for(work, Barrier(1))
    assert done.verified >= 100
    assert done.verified % 100 == 0
    assert done.failed == 0
    stranger = Work(Hierarchy(ENGINE).root, sound, 0.01, is_forgetful)
    done = verify_for(stranger, Barrier(1))
    assert done.failed == done.verified


def test_a_question_holds_the_token_and_the_digest_asked_for():
    query = encode_request(hash_algorithm=oids.SM3, imprint=bytes(range(32)))
    token = der.sequence(der.integer(7))
    response = der.sequence(der.sequence(der.integer(0)), token)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + response
    asked = _question("http://h:1/tsa", [b"", query], Exchange(1, 0, 0, reply))
    head, _, body = asked.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /tsa/verify HTTP/1.1\r\nHost: h:1\r\n")
    assert head.endswith(b"Content-Length: %d" % len(body))
    assert json.loads(body) == {
        "token": base64.b64encode(token).decode(),
        "digest": {"algorithm": "sm3", "value": bytes(range(32)).hex()},
    }


@pytest.mark.parametrize(
    ("reply", "valid"),
    [
        (b'HTTP/1.1 200 OK\r\n\r\n{"verdict":"VALID"}', True),
        (b'HTTP/1.1 200 OK\r\n\r\n{"verdict":"INVALID"}', False),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", False),
        (b"HTTP/1.1 200 OK\r\n\r\nno JSON", False),
        (b'HTTP/1.1 503 No\r\n\r\n{"verdict":"VALID"}', False),
    ],
)
def test_only_a_valid_verdict_counts(reply, valid):
    assert _is_valid(Exchange(0, 0, 0, reply)) is valid
