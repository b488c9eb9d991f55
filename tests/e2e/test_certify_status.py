"""What a running box says of its certificates: OpenSSL and BouncyCastle ask, and read its lists."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from kit.api import Api, make_csr
from kit.box import Box
from kit.openssl import run
from kit.polling import wait_until
from kit.status_judge import StatusJudge, status_judge

from appliance.asn1 import oids, pem
from appliance.asn1.x509 import decode_certificate
from appliance.crypto.api import KeyAlgorithm
from appliance.pki.ocsp.asking import make_request

pytestmark = pytest.mark.e2e

GUARD_S = 30.0


@attrs.frozen
class Counter:
    """The public ports of a box, the operator's token, and a folder for files."""

    box: Box
    api: Api
    folder: Path

    @property
    def base(self) -> str:
        return str(self.box.facts["tsp_http"]).removesuffix("/tsa")

    def issue(self, algorithm: KeyAlgorithm) -> dict[str, Any]:
        """Issue a certificate, and put it and its issuer into files named after the algorithm."""
        authority = f"issuing-{algorithm.value}"
        made = self.api.issue(
            authority=authority,
            template="person",
            owner_uid="7",
            fields={"name": "Li", "organization": "Hospital"},
            csr=make_csr(algorithm),
        )
        self.leaf(algorithm).write_text(made["certificate"], "ascii")
        issuer = pem.write("CERTIFICATE", self.fetch(f"ca/{authority}.cer"))
        self.issuer(algorithm).write_bytes(issuer)
        return made

    def leaf(self, algorithm: KeyAlgorithm) -> Path:
        return self.folder / f"{algorithm.value}.pem"

    def issuer(self, algorithm: KeyAlgorithm) -> Path:
        return self.folder / f"{algorithm.value}-issuer.pem"

    def crl(self, algorithm: KeyAlgorithm) -> Path:
        """Fetch the list that the front gives out now."""
        path = self.folder / f"{algorithm.value}.crl"
        path.write_bytes(self.fetch(f"crl/issuing-{algorithm.value}.crl"))
        return path

    def revoke(self, made: dict[str, Any], reason: str) -> None:
        path = f"/v1/certificates/{made['id']}/revoke"
        assert self.api.post(path, {"reason": reason})["state"] == "revoked"

    def fetch(self, path: str, body: bytes | None = None) -> bytes:
        fields = {"Content-Type": "application/ocsp-request"}
        request = urllib.request.Request(f"{self.base}/{path}", body, fields)
        with urllib.request.urlopen(request, timeout=GUARD_S) as response:
            octets: bytes = response.read()
        return octets


@pytest.fixture
def counter(box: Box, tmp_path: Path) -> Iterator[Counter]:
    api = Api.of(box.facts, "operator")
    yield Counter(box, api, tmp_path)
    api.close()


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StatusJudge]:
    with status_judge(tmp_path_factory.mktemp("java")) as running:
        yield running


@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P256, KeyAlgorithm.RSA])
def test_openssl_asks_for_a_certificate_before_and_after_it_is_revoked(
    counter: Counter, algorithm: KeyAlgorithm
) -> None:
    made = counter.issue(algorithm)
    asks = (
        *("ocsp", "-url", f"{counter.base}/ocsp", "-issuer", counter.issuer(algorithm)),
        *("-cert", counter.leaf(algorithm), "-CAfile", counter.box.roots),
    )
    told = run(*asks)
    assert "Response verify OK" in told
    assert f"{algorithm.value}.pem: good" in told
    counter.revoke(made, "key_compromise")
    told = run(*asks)
    assert "Response verify OK" in told
    assert f"{algorithm.value}.pem: revoked" in told
    assert "keyCompromise" in told


@pytest.mark.parametrize("hash_oid", [oids.SHA1, oids.SHA256, oids.SM3])
def test_bouncycastle_asks_for_an_sm2_certificate_before_and_after_it_is_revoked(
    counter: Counter, judge: StatusJudge, hash_oid: str
) -> None:
    made = counter.issue(KeyAlgorithm.SM2)
    leaf, issuer = counter.leaf(KeyAlgorithm.SM2), counter.issuer(KeyAlgorithm.SM2)
    certificates = (
        decode_certificate(pem.read_one(path.read_bytes(), "CERTIFICATE"))
        for path in (leaf, issuer)
    )
    request, answer = counter.folder / "request", counter.folder / "answer"
    request.write_bytes(make_request(*certificates, hash_oid=hash_oid, nonce=b"n" * 32))
    answer.write_bytes(counter.fetch("ocsp", request.read_bytes()))
    assert judge.of_answer(request, answer, issuer, leaf) == "OK good"
    counter.revoke(made, "superseded")
    answer.write_bytes(counter.fetch("ocsp", request.read_bytes()))
    assert judge.of_answer(request, answer, issuer, leaf) == "OK revoked 4"


@pytest.mark.parametrize("algorithm", KeyAlgorithm)
def test_a_revoked_certificate_comes_onto_the_list_by_itself(
    counter: Counter, judge: StatusJudge, algorithm: KeyAlgorithm
) -> None:
    made = counter.issue(algorithm)
    await_list(counter, judge, algorithm, "good")
    counter.revoke(made, "key_compromise")
    await_list(counter, judge, algorithm, "revoked KEY_COMPROMISE")


def test_a_hold_is_on_the_list_until_it_is_taken_off(counter: Counter, judge: StatusJudge) -> None:
    made = counter.issue(KeyAlgorithm.SM2)
    path = f"/v1/certificates/{made['id']}"
    assert counter.api.post(f"{path}/hold")["state"] == "on_hold"
    await_list(counter, judge, KeyAlgorithm.SM2, "revoked CERTIFICATE_HOLD")
    assert counter.api.post(f"{path}/release")["state"] == "valid"
    await_list(counter, judge, KeyAlgorithm.SM2, "good")


def await_list(counter: Counter, judge: StatusJudge, algorithm: KeyAlgorithm, told: str) -> None:
    """Wait until the list, which must verify at all times, says this of the certificate."""

    def look() -> bool:
        crl, issuer = counter.crl(algorithm), counter.issuer(algorithm)
        verdict = judge.of_list(crl, issuer, counter.leaf(algorithm))
        assert verdict.startswith("OK number "), verdict
        return verdict.endswith(f" {told}")

    wait_until(look, guard_s=GUARD_S, what=told)
