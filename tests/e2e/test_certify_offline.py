"""600 requests leave a running box in one file, OpenSSL certifies them, and all come home."""

import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from kit.api import Api, make_csr
from kit.box import Box
from kit.openssl import STANDARD_ID, OpensslTsa, ask, make_tsa, run
from kit.signature_maker import signature_maker

from appliance.crypto.api import KeyAlgorithm

pytestmark = pytest.mark.e2e

COUNT = 600
AUTHORITY = "provincial"
OCTETS = "application/octet-stream"
SETTINGS = """\
[ca]
default_ca = provincial
[provincial]
database = {folder}/index.txt
serial = {folder}/ca.serial
new_certs_dir = {folder}/issued
certificate = {folder}/root.pem
private_key = {folder}/root.key
default_md = sha256
default_days = 365
policy = any
unique_subject = no
[any]
commonName = supplied
"""


@attrs.frozen
class Batch:
    """A batch as the box gave it out: how it is shown, its ZIP, and that unpacked in a folder."""

    shown: dict[str, Any]
    octets: bytes
    folder: Path

    @property
    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "manifest.json").read_bytes())
        return found

    def sign(self) -> list[Path]:
        """Have an authority of OpenSSL certify every request, in one run."""
        made: OpensslTsa = make_tsa(self.folder / "authority", "p256")
        (made.folder / "issued").mkdir()
        (made.folder / "index.txt").touch()
        (made.folder / "ca.serial").write_text("1000\n", "ascii")
        settings = made.folder / "ca.cnf"
        settings.write_text(SETTINGS.format(folder=made.folder), "ascii")
        requests = sorted((self.folder / "requests").iterdir())
        run("ca", "-batch", "-config", settings, "-inform", "DER", "-infiles", *requests)
        return sorted((made.folder / "issued").iterdir())


@pytest.fixture(scope="module")
def operator(box: Box) -> Iterator[Api]:
    api = Api.of(box.facts, "operator")
    yield api
    api.close()


@pytest.fixture(scope="module")
def batch(operator: Api, tmp_path_factory: pytest.TempPathFactory) -> Batch:
    wish = {"authority": AUTHORITY, "template": "person", "road": "offline"}
    for number in range(COUNT):
        body = {**wish, "owner_uid": f"off-{number}", "csr": make_csr(KeyAlgorithm.P256)}
        assert operator.post("/v1/requests", body)["state"] == "created"
    shown = operator.post("/v1/batches", {"authority": AUTHORITY})
    answer = operator.ask("GET", f"/v1/batches/{shown['id']}/file")
    assert answer.fields["content-type"] == "application/zip"
    folder = tmp_path_factory.mktemp("batch")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        archive.extractall(folder)
    return Batch(shown, answer.body, folder)


def states(operator: Api, batch: Batch) -> list[str]:
    return [each["state"] for each in operator.items("/v1/requests", batch_id=batch.shown["id"])]


def batch_state(operator: Api, batch: Batch) -> str:
    found = operator.items("/v1/batches")
    return next(str(each["state"]) for each in found if each["id"] == batch.shown["id"])


def take_in(operator: Api, files: Sequence[Path]) -> dict[str, Any]:
    """Send certificates back in a ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.name)
    path = "/v1/batches/imports"
    answer = operator.ask("POST", path, buffer.getvalue(), Content_Type=OCTETS)
    assert answer.status == 200, answer
    report: dict[str, Any] = answer.json
    return report


def test_the_manifest_tells_of_every_request(operator: Api, batch: Batch) -> None:
    assert (batch.shown["count"], batch.shown["state"]) == (COUNT, "exported")
    octets = (batch.folder / "manifest.json").read_bytes()
    assert hashlib.new("sm3", octets).hexdigest() == batch.shown["manifest_sm3"]
    rows = batch.manifest["rows"]
    assert len(rows) == len({row["request"] for row in rows}) == COUNT
    for row in rows:
        csr = (batch.folder / row["file"]).read_bytes()
        assert hashlib.new("sm3", csr).hexdigest() == row["sm3"]
    assert states(operator, batch) == ["submitted"] * COUNT


def test_bouncycastle_verifies_the_manifest_under_a_chain_of_the_box(
    box: Box, batch: Batch, tmp_path: Path
) -> None:
    manifest = (batch.folder / "manifest.json").read_bytes()
    signature = (batch.folder / "manifest.p7s").read_bytes()
    with signature_maker(tmp_path) as judge:
        assert judge.judge(manifest, signature) == "OK"
        assert judge.judge(manifest.replace(b"person", b"server", 1), signature) != "OK"
    # The signer's certificate is the first of chain.pem; each link verifies by itself.
    signed = tmp_path / "signed.pem"
    run(
        "pkcs7",
        "-inform",
        "DER",
        "-in",
        batch.folder / "manifest.p7s",
        "-print_certs",
        "-out",
        signed,
    )
    blocks = (batch.folder / "chain.pem").read_text("ascii").split("-----END CERTIFICATE-----\n")
    links = []
    for number, block in enumerate(filter(None, blocks)):
        links.append(tmp_path / f"{number}.pem")
        links[-1].write_text(block + "-----END CERTIFICATE-----\n", "ascii")
    assert links[0].read_text("ascii").split("\n", 1)[1].strip() in signed.read_text("ascii")
    assert links[-1].read_text("ascii").strip() in box.roots.read_text("ascii")
    for leaf, issuer in itertools.pairwise(links):
        distid = ("-vfyopt", f"distid:{STANDARD_ID}")
        assert ask("verify", "-partial_chain", "-CAfile", issuer, *distid, leaf).accepted


def test_a_batch_is_given_out_again_as_it_was(operator: Api, batch: Batch) -> None:
    again = operator.ask("GET", f"/v1/batches/{batch.shown['id']}/file").body
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        assert archive.read("manifest.json") == (batch.folder / "manifest.json").read_bytes()
        assert len(archive.namelist()) == COUNT + 3


def test_every_certificate_finds_its_request_and_strangers_are_told_apart(
    operator: Api, batch: Batch, tmp_path: Path
) -> None:
    issued = batch.sign()
    assert len(issued) == COUNT
    report = take_in(operator, issued[: COUNT // 2])
    assert report["matched"] == COUNT // 2
    assert batch_state(operator, batch) == "partial"
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ascii")
    stranger = batch.folder / "authority" / "tsa.pem"
    report = take_in(operator, [*issued, broken, stranger])
    assert report["matched"] == COUNT
    faults = {row["file"]: row["fault"] for row in report["rows"] if row["fault"]}
    assert faults.keys() == {"broken.pem", "tsa.pem"}
    assert faults["tsa.pem"] == "no request of this box has its key"
    found = {row["request_id"] for row in report["rows"] if not row["fault"]}
    assert found == {row["request"] for row in batch.manifest["rows"]}
    assert states(operator, batch) == ["issued"] * COUNT
    assert batch_state(operator, batch) == "imported"


def test_what_came_home_is_in_the_registry_once(operator: Api, batch: Batch) -> None:
    issued = sorted((batch.folder / "authority" / "issued").iterdir())
    assert take_in(operator, issued)["matched"] == COUNT
    kept = list(operator.items("/v1/certificates", authority=AUTHORITY))
    assert len({each["serial_number"] for each in kept}) == len(kept) == COUNT
    assert len({each["owner_uid"] for each in kept}) == COUNT
    assert {each["state"] for each in kept} == {"valid"}
