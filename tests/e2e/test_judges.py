"""The judges themselves, tried on tokens of `openssl ts -reply`: do they see what is wrong?"""

from pathlib import Path

import pytest
from kit import openssl
from kit.bouncycastle import BouncyCastle
from kit.openssl import OpensslTsa
from kit.tsp_client import read_token, token_of, with_flipped_signature

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module", params=["p256", "rsa"])
def tsa(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl.make_tsa(tmp_path_factory.mktemp("tsa") / request.param, request.param)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(b"a discharge letter")
    return path


def flipped(reply: Path) -> Path:
    path = reply.with_suffix(".flipped.tsr")
    path.write_bytes(with_flipped_signature(reply.read_bytes()))
    return path


@pytest.mark.parametrize("certificate", [True, False])
def test_openssl_and_bouncycastle_accept_a_sound_token(
    tsa: OpensslTsa, document: Path, java_judge: BouncyCastle, *, certificate: bool
) -> None:
    query = openssl.make_query(document, digest="sm3", certificate=certificate)
    reply = tsa.reply(query)
    assert openssl.verify(query, reply, root=tsa.root, tsa=tsa.tsa).accepted
    assert java_judge.judge(query, reply, tsa=tsa.tsa, roots=tsa.root) == "OK"


def test_both_refuse_a_flipped_signature_bit(
    tsa: OpensslTsa, document: Path, java_judge: BouncyCastle
) -> None:
    query = openssl.make_query(document, digest="sha256")
    reply = flipped(tsa.reply(query))
    assert not openssl.verify(query, reply, root=tsa.root, tsa=tsa.tsa).accepted
    assert "signature not created by certificate" in java_judge.judge(
        query, reply, tsa=tsa.tsa, roots=tsa.root
    )


def test_both_refuse_the_answer_to_another_query(
    tsa: OpensslTsa, document: Path, java_judge: BouncyCastle
) -> None:
    reply = tsa.reply(openssl.make_query(document, digest="sha256"))
    document.write_bytes(b"another letter")
    query = openssl.make_query(document, digest="sha256", nonce=False)
    assert not openssl.verify(query, reply, root=tsa.root, tsa=tsa.tsa).accepted
    assert "REFUSED" in java_judge.judge(query, reply, tsa=tsa.tsa, roots=tsa.root)


def test_bouncycastle_refuses_a_path_to_another_root(
    tsa: OpensslTsa, document: Path, tmp_path: Path, java_judge: BouncyCastle
) -> None:
    other = openssl.make_tsa(tmp_path / "other", "p256")
    query = openssl.make_query(document, digest="sha256")
    opinion = java_judge.judge(query, tsa.reply(query), tsa=tsa.tsa, roots=other.root)
    assert opinion.startswith("REFUSED java.security.cert.CertPathValidatorException")


def test_the_parts_of_a_token_are_those_openssl_signed(
    tsa: OpensslTsa, document: Path, tmp_path: Path
) -> None:
    reply = tsa.reply(openssl.make_query(document, digest="sha512"))
    parts = read_token(token_of(reply.read_bytes()))
    key, signature, signed = (tmp_path / name for name in ("key", "signature", "signed"))
    key.write_text(openssl.run("x509", "-in", tsa.tsa, "-noout", "-pubkey"), "ascii")
    signature.write_bytes(parts.signature)
    signed.write_bytes(parts.signed_attributes)
    checked = ("dgst", "-sha256", "-verify", key, "-signature", signature, signed)
    assert "Verified OK" in openssl.run(*checked)
