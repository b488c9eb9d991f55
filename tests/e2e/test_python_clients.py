"""Python's own timestamp clients against the box: rfc3161-client, rfc3161ng and pyHanko."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
import rfc3161_client
import rfc3161ng
from asn1crypto.x509 import Certificate as Asn1Certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from kit.box import Box
from kit.tsp_client import post_query, with_flipped_signature
from pyasn1.codec.der import decoder
from pyhanko.sign.timestamps.requests_client import RequestsHTTPTimeStamper
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

pytestmark = pytest.mark.e2e

DOCUMENT = b"a radiology report"
both = pytest.mark.parametrize("profile", ["p256", "rsa"])


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def root(box: Box, profile: str) -> x509.Certificate:
    roots = x509.load_pem_x509_certificates(box.roots.read_bytes())
    issuer = certificate(box.tsa(profile)).issuer
    return next(each for each in roots if each.subject == issuer)


# --- rfc3161-client: strict DER, in Rust ----------------------------------------------------------


def rust_request(*, asks_certificate: bool = True) -> rfc3161_client.TimeStampRequest:
    builder = rfc3161_client.TimestampRequestBuilder().data(DOCUMENT).nonce(nonce=True)
    return builder.cert_request(cert_request=asks_certificate).build()


def rust_verifier(
    box: Box, profile: str, request: rfc3161_client.TimeStampRequest
) -> rfc3161_client.Verifier:
    builder = rfc3161_client.VerifierBuilder.from_request(request)
    builder = builder.add_root_certificate(root(box, profile))
    return builder.tsa_certificate(certificate(box.tsa(profile))).build()


@both
@pytest.mark.parametrize("asks_certificate", [True, False], ids=["cert", "nocert"])
def test_rfc3161_client_verifies(box: Box, profile: str, *, asks_certificate: bool) -> None:
    request = rust_request(asks_certificate=asks_certificate)
    reply = post_query(box.url(profile), request.as_bytes())
    response = rfc3161_client.decode_timestamp_response(reply)
    assert rust_verifier(box, profile, request).verify_message(response, DOCUMENT)


@both
def test_rfc3161_client_refuses_a_flipped_signature_bit(box: Box, profile: str) -> None:
    request = rust_request()
    reply = with_flipped_signature(post_query(box.url(profile), request.as_bytes()))
    response = rfc3161_client.decode_timestamp_response(reply)
    with pytest.raises(rfc3161_client.VerificationError):
        rust_verifier(box, profile, request).verify_message(response, DOCUMENT)


# --- rfc3161ng: RSA only, by pyasn1 ---------------------------------------------------------------


@pytest.mark.parametrize("asks_certificate", [True, False], ids=["cert", "nocert"])
def test_rfc3161ng_stamps_and_checks(box: Box, *, asks_certificate: bool) -> None:
    tsa = certificate(box.tsa("rsa")).public_bytes(Encoding.PEM)
    stamper = rfc3161ng.RemoteTimestamper(
        box.url("rsa"),
        certificate=tsa,
        hashname="sha256",
        include_tsa_certificate=asks_certificate,
    )
    token = stamper(data=DOCUMENT, nonce=20260301)
    assert rfc3161ng.check_timestamp(
        token, certificate=tsa, data=DOCUMENT, hashname="sha256", nonce=20260301
    )


def test_rfc3161ng_refuses_another_document(box: Box) -> None:
    stamper = rfc3161ng.RemoteTimestamper(box.url("rsa"), hashname="sha256")
    token, _ = decoder.decode(stamper(data=DOCUMENT), asn1Spec=rfc3161ng.TimeStampToken())
    tsa = certificate(box.tsa("rsa")).public_bytes(Encoding.PEM)
    with pytest.raises(ValueError, match="Message imprint mismatch"):
        rfc3161ng.check_timestamp(token, certificate=tsa, data=b"another", hashname="sha256")


# --- pyHanko: the stamps inside PDF signatures ----------------------------------------------------


def pyhanko_status(box: Box, profile: str, imprint_of: bytes) -> dict[str, Any]:
    """Stamp the document by pyHanko and let it judge the token as one for `imprint_of`."""

    async def stamp_and_judge() -> dict[str, Any]:
        stamper = RequestsHTTPTimeStamper(box.url(profile))
        digest = hashlib.sha256(DOCUMENT).digest()
        token = await stamper.async_timestamp(digest, "sha256")
        roots = [as_asn1(root(box, profile))]
        context = ValidationContext(
            trust_roots=roots, other_certs=[as_asn1(certificate(box.tsa(profile)))]
        )
        status: dict[str, Any] = await validate_tst_signed_data(
            token["content"], context, lambda name: hashlib.new(name, imprint_of).digest()
        )
        return status

    return asyncio.run(stamp_and_judge())


def as_asn1(found: x509.Certificate) -> Asn1Certificate:
    return Asn1Certificate.load(found.public_bytes(Encoding.DER))


@both
def test_pyhanko_stamps_and_trusts(box: Box, profile: str) -> None:
    status = pyhanko_status(box, profile, DOCUMENT)
    assert (status["intact"], status["valid"]) == (True, True)
    assert status["trust_problem_indic"] is None
    assert status["validation_path"] is not None


@both
def test_pyhanko_sees_that_a_token_is_for_another_document(box: Box, profile: str) -> None:
    assert not pyhanko_status(box, profile, b"another")["intact"]
