"""BouncyCastle judges the box: the one peer that verifies SM2 tokens whole."""

from pathlib import Path

import pytest
from kit import openssl
from kit.bouncycastle import BouncyCastle
from kit.box import Box
from kit.tsp_client import post_query, with_flipped_signature

pytestmark = pytest.mark.e2e

ALGORITHMS = {"sm2": "sm2", "gmt": "sm2", "p256": "p256", "rsa": "rsa"}
"""The algorithm of each profile."""


@pytest.fixture(params=ALGORITHMS)
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(b"a pathology report")
    return path


def opinion(judge: BouncyCastle, box: Box, profile: str, query: Path, reply: bytes) -> str:
    path = query.with_suffix(".tsr")
    path.write_bytes(reply)
    return judge.judge(query, path, tsa=box.tsa(ALGORITHMS[profile]), roots=box.roots)


@pytest.mark.parametrize("certificate", [True, False], ids=["cert", "nocert"])
@pytest.mark.parametrize("digest", ["sm3", "sha256"])
def test_bouncycastle_validates_response_token_and_path(
    box: Box,
    java_judge: BouncyCastle,
    document: Path,
    profile: str,
    digest: str,
    *,
    certificate: bool,
) -> None:
    query = openssl.make_query(document, digest=digest, certificate=certificate)
    reply = post_query(box.url(profile), query.read_bytes())
    assert opinion(java_judge, box, profile, query, reply) == "OK"


def test_bouncycastle_refuses_a_flipped_signature_bit(
    box: Box, java_judge: BouncyCastle, document: Path, profile: str
) -> None:
    query = openssl.make_query(document, digest="sm3")
    reply = with_flipped_signature(post_query(box.url(profile), query.read_bytes()))
    refusal = opinion(java_judge, box, profile, query, reply)
    assert "signature not created by certificate" in refusal


def test_bouncycastle_refuses_the_token_of_another_request(
    box: Box, java_judge: BouncyCastle, document: Path, profile: str
) -> None:
    query = openssl.make_query(document, digest="sm3")
    reply = post_query(box.url(profile), query.read_bytes())
    again = openssl.make_query(document, digest="sm3")  # the same but for its nonce
    assert "nonce" in opinion(java_judge, box, profile, again, reply)
