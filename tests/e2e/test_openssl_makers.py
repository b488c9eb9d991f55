"""Odd tokens made by the real openssl, as others make them with it."""

from pathlib import Path

import pytest
from kit import openssl
from kit.authority import TSA, VALIDITY, Subject, authority, signing
from kit.openssl import STANDARD_ID, OpensslTsa
from kit.tokens import DOCUMENT, Recipe, hashed, tst_info

from appliance.asn1 import oids, pem
from appliance.asn1.names import encode_name
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.pki.issuing import issue
from appliance.quantities import Utc
from appliance.tsp.hashes import document_imprint
from appliance.tsp.verifying.report import Reason, Report, Sm2Id
from appliance.tsp.verifying.verification import Expected, Trust, verify_token

pytestmark = pytest.mark.e2e

MADE = authority(KeyAlgorithm.SM2)
EXPECTED = Expected(document_imprint(DOCUMENT))


def judged(token: bytes, root: Path | None = None) -> Report:
    trusted = MADE.root.certificate
    if root is not None:
        trusted = decode_certificate(pem.read_one(root.read_bytes(), "CERTIFICATE"))
    return verify_token(token, EXPECTED, Trust.under(LibcryptoEngine(), [trusted]))


# --- SM2: the signature by openssl, the token around it ours --------------------------------------


@pytest.fixture(scope="module")
def sm2_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sm2") / "tsa.key"
    openssl.run("genpkey", "-algorithm", "SM2", "-out", path)
    return path


def signer(key: Path) -> Subject:
    """Give a TSA's certificate for a key of openssl."""
    public = key.with_suffix(".pub")
    openssl.run("pkey", "-in", key, "-pubout", "-out", public)
    encoded = issue(
        TSA,
        encode_name("TSA of openssl"),
        pem.read_one(public.read_bytes(), "PUBLIC KEY"),
        serial_number=b"\x31",
        validity=VALIDITY,
        issuer=MADE.root.identity,
        sign=signing(MADE.root.key),
    )
    return Subject(MADE.tsa.key, decode_certificate(encoded))


@pytest.mark.parametrize(
    ("how", "reason", "sm2_id"),
    [
        (("dgst", "-sm3", "-sigopt", f"distid:{STANDARD_ID}"), Reason.GENUINE, Sm2Id.STANDARD),
        (("dgst", "-sm3"), Reason.NON_STANDARD_SM2_ID, Sm2Id.EMPTY),
        (("pkeyutl",), Reason.NON_STANDARD_SM2_ID, Sm2Id.NO_Z),
    ],
    ids=["standard ID", "empty ID by default", "digest alone"],
)
def test_the_id_under_which_openssl_signed_is_found(
    sm2_key: Path, tmp_path: Path, how: tuple[str, ...], reason: Reason, sm2_id: Sm2Id
) -> None:
    octets, signature = tmp_path / "octets", tmp_path / "signature"

    def sign(attributes: bytes) -> bytes:
        if how[0] == "pkeyutl":
            octets.write_bytes(hashed(oids.SM3, attributes))
            openssl.run(*("pkeyutl", "-sign", "-inkey", sm2_key, "-in", octets, "-out", signature))
        else:
            octets.write_bytes(attributes)
            openssl.run(*how, "-sign", sm2_key, "-out", signature, octets)
        return signature.read_bytes()

    report = judged(Recipe(signer=signer(sm2_key), sign=sign).token())
    assert (report.reason, report.sm2_id) == (reason, sm2_id), report.detail


# --- RSA and ECDSA: whole tokens by `openssl cms` -------------------------------------------------


@pytest.fixture(scope="module", params=["p256", "rsa"])
def tsa(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl.make_tsa(tmp_path_factory.mktemp("cms") / request.param, request.param)


def signed_by_cms(tsa: OpensslTsa, *options: str) -> bytes:
    """Have `openssl cms` sign a TSTInfo of ours of the present day."""
    certificate = decode_certificate(pem.read_one(tsa.tsa.read_bytes(), "CERTIFICATE"))
    now = Utc(certificate.validity.not_before.posix_us + 1_000_000)
    content, token = tsa.folder / "content", tsa.folder / "token"
    content.write_bytes(tst_info(gen_time=now))
    openssl.run(
        *("cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-md", "sha256", *options),
        *("-signer", tsa.tsa, "-inkey", tsa.folder / "tsa.key", "-in", content, "-out", token),
    )
    return token.read_bytes()


TYPED = ("-econtent_type", oids.TST_INFO)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((*TYPED, "-cades"), Reason.GENUINE),
        ((*TYPED, "-cades", "-keyid"), Reason.GENUINE),
        ((*TYPED, "-cades", "-nocerts"), Reason.NO_SIGNER_CERTIFICATE),
        (TYPED, Reason.SIGNER_MISMATCH),
        (("-cades",), Reason.NOT_A_TIMESTAMP),
        ((*TYPED, "-noattr"), Reason.MALFORMED),
    ],
    ids=["sound", "named by its key", "no certificate", "no pin", "typed as data", "bare"],
)
def test_a_token_by_openssl_cms_is_diagnosed(
    tsa: OpensslTsa, options: tuple[str, ...], reason: Reason
) -> None:
    report = judged(signed_by_cms(tsa, *options), tsa.root)
    assert report.reason is reason, report.detail
