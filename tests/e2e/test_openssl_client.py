"""The stranger's path: stock openssl asks, the box answers, stock openssl judges.

OpenSSL 3.0's `ts -verify` hashes without Z and so cannot judge SM2; there the steps are taken one
by one: signature over the signed attributes, messageDigest over TSTInfo, path of the certificate.
"""

import hashlib
from pathlib import Path

import attrs
import pytest
from kit import openssl
from kit.box import Box
from kit.tsp_client import TokenParts, post_query, read_reply, read_token, token_of

pytestmark = pytest.mark.e2e

SM2_ID = f"distid:{openssl.STANDARD_ID}"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document"
    path.write_bytes(b"an anaesthesia record")
    return path


def stamp(box: Box, profile: str, query: Path) -> Path:
    reply = query.with_suffix(".tsr")
    reply.write_bytes(post_query(box.url(profile), query.read_bytes()))
    return reply


# --- P-256 and RSA: the whole judgement is openssl's ----------------------------------------------


@pytest.mark.parametrize("nonce", [True, False], ids=["nonce", "plain"])
@pytest.mark.parametrize("certificate", [True, False], ids=["cert", "nocert"])
@pytest.mark.parametrize("digest", ["sha256", "sha512", "sm3"])
@pytest.mark.parametrize("profile", ["p256", "rsa"])
def test_openssl_verifies_what_it_asked_for(
    box: Box, document: Path, profile: str, digest: str, *, certificate: bool, nonce: bool
) -> None:
    query = openssl.make_query(document, digest=digest, certificate=certificate, nonce=nonce)
    reply = stamp(box, profile, query)
    verdict = openssl.verify(query, reply, root=box.roots, tsa=box.tsa(profile))
    assert verdict.accepted, verdict.text


def test_openssl_refuses_the_token_for_another_document(box: Box, document: Path) -> None:
    reply = stamp(box, "p256", openssl.make_query(document, digest="sha256", nonce=False))
    document.write_bytes(b"the record, amended")
    query = openssl.make_query(document, digest="sha256", nonce=False)
    verdict = openssl.verify(query, reply, root=box.roots, tsa=box.tsa("p256"))
    assert "message imprint mismatch" in verdict.text


def test_a_policy_asked_for_by_its_oid_is_the_policy_of_the_token(box: Box, document: Path) -> None:
    plain = stamp(box, "p256", openssl.make_query(document, digest="sha256"))
    policy = policy_of(plain)
    asked = openssl.make_query(document, digest="sm3", policy=policy)
    assert policy_of(stamp(box, "p256", asked)) == policy


def policy_of(reply: Path) -> str:
    text = openssl.run("ts", "-reply", "-in", reply, "-text")
    (line,) = (line for line in text.splitlines() if line.startswith("Policy OID: "))
    return line.removeprefix("Policy OID: ")


# --- SM2: the steps one by one --------------------------------------------------------------------


@attrs.frozen
class Stamped:
    """An SM2 token taken apart, and what openssl needs to judge it, in files."""

    profile: str
    reply: Path
    parts: TokenParts
    key: Path
    signature: Path
    signed: Path


@pytest.fixture(scope="module", params=["sm2", "gmt"])
def stamped(
    box: Box, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Stamped:
    folder = tmp_path_factory.mktemp(request.param)
    document = folder / "document"
    document.write_bytes(b"an operation note")
    reply = stamp(box, request.param, openssl.make_query(document, digest="sm3"))
    parts = read_token(token_of(reply.read_bytes()))
    made = Stamped(
        request.param, reply, parts, folder / "key.pem", folder / "signature", folder / "signed"
    )
    made.key.write_text(openssl.run("x509", "-in", box.tsa("sm2"), "-noout", "-pubkey"))
    made.signature.write_bytes(parts.signature)
    made.signed.write_bytes(parts.signed_attributes)
    return made


def signature_verdict(stamped: Stamped, signed: Path, sm2_id: str = SM2_ID) -> openssl.Verdict:
    return openssl.ask(
        *("dgst", "-sm3", "-verify", stamped.key, "-sigopt", sm2_id),
        *("-signature", stamped.signature, signed),
    )


def test_openssl_reads_the_default_profile(box: Box, document: Path) -> None:
    reply = stamp(box, "", openssl.make_query(document, digest="sm3"))
    text = openssl.run("ts", "-reply", "-in", reply, "-text")
    assert "Status: Granted." in text
    assert "Hash Algorithm: sm3" in text


def test_the_sm2_signature_holds_over_the_signed_attributes(stamped: Stamped) -> None:
    verdict = signature_verdict(stamped, stamped.signed)
    assert verdict.accepted, verdict.text


def test_the_sm2_signature_holds_under_no_other_id(stamped: Stamped) -> None:
    assert not signature_verdict(stamped, stamped.signed, "distid:another").accepted


def test_the_sm2_signature_holds_over_nothing_else(stamped: Stamped) -> None:
    changed = stamped.signed.with_name("changed")
    octets = stamped.parts.signed_attributes
    changed.write_bytes(octets[:-1] + bytes((octets[-1] ^ 1,)))
    assert not signature_verdict(stamped, changed).accepted


def test_the_message_digest_is_the_sm3_of_tst_info(stamped: Stamped) -> None:
    assert stamped.parts.message_digest == hashlib.new("sm3", stamped.parts.tst_info).digest()


def test_the_token_names_the_algorithms_of_its_profile(stamped: Stamped) -> None:
    parts = stamped.parts
    assert parts.digest_algorithm == "1.2.156.10197.1.401"
    assert (parts.content_type, parts.signature_algorithm) == {
        "sm2": ("1.2.840.113549.1.7.2", "1.2.156.10197.1.501"),
        "gmt": ("1.2.156.10197.6.1.4.2.2", "1.2.156.10197.1.301.1"),
    }[stamped.profile]


def test_the_token_carries_the_published_certificate(box: Box, stamped: Stamped) -> None:
    der = stamped.reply.with_name("tsa.der")
    openssl.run("x509", "-in", box.tsa("sm2"), "-outform", "DER", "-out", der)
    assert stamped.parts.certificates == (der.read_bytes(),)


@pytest.mark.parametrize("algorithm", ["sm2", "p256", "rsa"])
def test_the_certificate_is_for_timestamps_under_the_published_roots(
    box: Box, algorithm: str
) -> None:
    options = ("-vfyopt", SM2_ID) if algorithm == "sm2" else ()
    checked = ("-purpose", "timestampsign", "-x509_strict", "-CAfile", box.roots)
    verdict = openssl.ask("verify", *options, *checked, box.tsa(algorithm))
    assert verdict.accepted, verdict.text


def test_the_sm2_certificate_is_signed_under_the_standard_id(box: Box) -> None:
    other = ("-vfyopt", "distid:another", "-CAfile", box.roots)
    assert not openssl.ask("verify", *other, box.tsa("sm2")).accepted


# --- refusals, as openssl reads them --------------------------------------------------------------


def test_openssl_reads_a_rejection(box: Box, document: Path) -> None:
    reply = stamp(box, "", openssl.make_query(document, digest="sha1"))
    assert read_reply(reply.read_bytes()).token == b""
    text = openssl.run("ts", "-reply", "-in", reply, "-text")
    assert "Status: Rejected." in text
    assert "unrecognized or unsupported algorithm identifier" in text
