"""Certificates across the border: openssl judges ours, and we judge openssl's."""

import functools
from pathlib import Path

import attrs
import pytest
from kit import openssl
from kit.authority import STAMPED_AT, TSA, VALIDITY, Authority, authority
from kit.openssl import STANDARD_ID

from appliance.asn1 import oids, pem
from appliance.asn1.x509 import Certificate, decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.crypto.verifier import verify_signature
from appliance.pki.path import PathCode, validate_path
from appliance.quantities import US_PER_S, Utc

pytestmark = pytest.mark.e2e

ALGORITHMS = pytest.mark.parametrize("algorithm", KeyAlgorithm)
SIGNATURES = {
    KeyAlgorithm.SM2: "SM2-with-SM3",
    KeyAlgorithm.P256: "ecdsa-with-SHA256",
    KeyAlgorithm.RSA: "sha256WithRSAEncryption",
}


def written(folder: Path, name: str, certificate: Certificate) -> Path:
    path = folder / f"{name}.pem"
    path.write_bytes(pem.write("CERTIFICATE", certificate.der))
    return path


def verified(
    folder: Path, made: Authority, *, distid: str = STANDARD_ID, at: Utc = STAMPED_AT
) -> openssl.Verdict:
    leaf, root = made.tsa.certificate, made.root.certificate
    is_sm2 = leaf.key.curve == oids.SM2_CURVE
    return openssl.ask(
        *("verify", "-x509_strict", "-attime", str(at.posix_us // US_PER_S)),
        *("-purpose", "timestampsign"),
        *(("-vfyopt", f"distid:{distid}") if is_sm2 else ()),
        *("-CAfile", written(folder, "root", root), written(folder, "tsa", leaf)),
    )


@ALGORITHMS
def test_openssl_prints_what_was_asked_for(algorithm: KeyAlgorithm, tmp_path: Path) -> None:
    tsa = written(tmp_path, "tsa", authority(algorithm).tsa.certificate)
    text = " ".join(openssl.run("x509", "-in", tsa, "-noout", "-text").split())
    for expected in (
        "Version: 3 (0x2)",
        f"Signature Algorithm: {SIGNATURES[algorithm]}",
        f"Issuer: C = CN, O = Shiyin test, CN = Root {algorithm.value}",
        "Not Before: Jan 1 00:00:00 2025 GMT Not After : Dec 31 23:59:59 2044 GMT",
        "X509v3 Key Usage: critical Digital Signature, Non Repudiation",
        "X509v3 Extended Key Usage: critical Time Stamping",
        "X509v3 Private Key Usage Period: Not Before: Jan 1 00:00:00 2025 GMT",
    ):
        assert expected in text


@ALGORITHMS
def test_openssl_verifies_our_chain_for_time_stamping(
    algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    verdict = verified(tmp_path, authority(algorithm))
    assert verdict.accepted, verdict.text


@ALGORITHMS
def test_openssl_verifies_the_signature_of_our_root(
    algorithm: KeyAlgorithm, tmp_path: Path
) -> None:
    """By dgst: `verify` takes a root from its store, where no SM2 ID can be set."""
    root = authority(algorithm).root.certificate
    key, tbs, signature = (tmp_path / name for name in ("key", "tbs", "signature"))
    key.write_bytes(pem.write("PUBLIC KEY", root.spki))
    tbs.write_bytes(root.tbs)
    signature.write_bytes(root.signature)
    is_sm2 = algorithm is KeyAlgorithm.SM2
    scheme = ("-sm3", "-sigopt", f"distid:{STANDARD_ID}") if is_sm2 else ("-sha256",)
    checked = ("-verify", key, "-signature", signature, tbs)
    assert "Verified OK" in openssl.run("dgst", *scheme, *checked)


def test_openssl_refuses_our_chain_under_another_root(tmp_path: Path) -> None:
    made = authority(KeyAlgorithm.SM2)
    other = attrs.evolve(made, root=authority(KeyAlgorithm.P256).root)
    assert "unable to get local issuer certificate" in verified(tmp_path, other).text


def test_openssl_refuses_our_sm2_chain_under_another_id(tmp_path: Path) -> None:
    verdict = verified(tmp_path, authority(KeyAlgorithm.SM2), distid="another")
    assert "certificate signature failure" in verdict.text


def test_openssl_refuses_our_chain_after_its_end(tmp_path: Path) -> None:
    late = Utc(VALIDITY.not_after.posix_us + US_PER_S)
    verdict = verified(tmp_path, authority(KeyAlgorithm.P256), at=late)
    assert "certificate has expired" in verdict.text


def test_openssl_refuses_a_tsa_that_may_do_more(tmp_path: Path) -> None:
    made = authority(KeyAlgorithm.P256)
    wider = attrs.evolve(TSA, extended_key_usage=(*TSA.extended_key_usage, "1.3.6.1.5.5.7.3.1"))
    odd = attrs.evolve(made, tsa=made.root.issue(wider, "Odd TSA", made.tsa.key))
    assert "unsuitable certificate purpose" in verified(tmp_path, odd).text


def chain_by_openssl(folder: Path, options: tuple[str, ...], distid: str) -> list[Certificate]:
    """Have openssl make a root and a leaf; returns the leaf, then the root."""
    for name in ("root", "leaf"):
        openssl.run("genpkey", *options, "-out", folder / f"{name}.key")
    common = ("-new", "-x509", "-days", "30", "-addext", "keyUsage=critical,keyCertSign")
    if distid:
        common += ("-sigopt", f"distid:{distid}")
    openssl.run(
        *("req", *common, "-key", folder / "root.key", "-subj", "/C=CN/O=时印/CN=Root", "-utf8"),
        *("-out", folder / "root.pem"),
    )
    openssl.run(
        *("req", *common, "-key", folder / "leaf.key", "-subj", "/CN=Leaf"),
        *("-CA", folder / "root.pem", "-CAkey", folder / "root.key"),
        *("-out", folder / "leaf.pem"),
    )
    return [
        decode_certificate(pem.read_one((folder / f"{name}.pem").read_bytes(), "CERTIFICATE"))
        for name in ("leaf", "root")
    ]


@pytest.mark.parametrize(
    ("curve", "distid", "code"),
    [
        ("P-256", "", PathCode.VALID),
        ("SM2", STANDARD_ID, PathCode.VALID),
        ("SM2", "", PathCode.BAD_SIGNATURE),
        ("secp256k1", "", PathCode.UNSUPPORTED_ALGORITHM),
    ],
)
def test_a_chain_by_openssl_is_judged(
    curve: str, distid: str, code: PathCode, tmp_path: Path
) -> None:
    options = ("-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}")
    leaf, root = chain_by_openssl(tmp_path, options, distid)
    verify = functools.partial(verify_signature, LibcryptoEngine())
    result = validate_path(leaf, [], [root], leaf.validity.not_before, verify)
    assert result.code is code
    assert root.subject.common_name == "Root"
    assert str(root.subject) == "CN=Root,O=时印,C=CN"
