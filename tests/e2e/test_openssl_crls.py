"""Revocation lists by openssl: what it revokes, we see; and our command asks them."""

import json
import subprocess
from pathlib import Path

import pytest
from kit import openssl
from kit.box import ROOT
from kit.openssl import OpensslTsa

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate

pytestmark = pytest.mark.e2e

_CA_SETTINGS = """\
[ca]
default_ca = lists
[lists]
database = {folder}/index.txt
crlnumber = {folder}/crlnumber
default_md = {digest}
default_crl_days = {days}
crl_extensions = extensions
[extensions]
authorityKeyIdentifier = keyid
"""
REVOKED_AT = {"before": "240101000000Z", "after": "401231235959Z"}


@pytest.fixture(scope="module", params=["p256", "rsa"])
def tsa(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpensslTsa:
    return openssl.make_tsa(tmp_path_factory.mktemp("lists") / request.param, request.param)


@pytest.fixture(scope="module")
def reply(tsa: OpensslTsa) -> Path:
    document = tsa.folder / "letter"
    document.write_bytes(b"a letter")
    return tsa.reply(openssl.make_query(document, digest="sha256"))


def make_list(tsa: OpensslTsa, folder: Path, entry: str = "", *, form: str = "DER") -> Path:
    """Have openssl make a list; `entry` is when and why the TSA was revoked."""
    made = folder / "list"
    settings = folder / "ca.cnf"
    settings.write_text(_CA_SETTINGS.format(folder=folder, digest="sha256", days=7), "utf-8")
    (folder / "crlnumber").write_text("01\n", "ascii")
    blocks = pem.read_all(tsa.tsa.read_bytes(), "CERTIFICATE")
    serial = decode_certificate(blocks[0]).serial_number_tlv[2:].hex().upper()
    line = f"R\t491231235959Z\t{entry}\t{serial}\tunknown\t/CN=Stand-in TSA\n" if entry else ""
    (folder / "index.txt").write_text(line, "ascii")
    openssl.run(
        *("ca", "-gencrl", "-config", settings, "-out", folder / "list.pem"),
        *("-cert", tsa.root, "-keyfile", tsa.folder / "root.key"),
    )
    openssl.run("crl", "-in", folder / "list.pem", "-outform", form, "-out", made)
    return made


def verified(tsa: OpensslTsa, reply: Path, *lists: Path) -> tuple[int, str]:
    """Ask our command without any box; gives its exit code and the reason."""
    done = subprocess.run(
        [
            *(ROOT / ".venv" / "bin" / "shiyin", "--json", "verify", reply),
            *("--ca", tsa.root, "--document", tsa.folder / "letter"),
            *(part for each in lists for part in ("--crl", each)),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, str(json.loads(done.stdout)["reason"])


@pytest.mark.parametrize("form", ["DER", "PEM"])
def test_a_list_without_the_signer_says_nothing_against_it(
    tsa: OpensslTsa, reply: Path, tmp_path: Path, form: str
) -> None:
    assert verified(tsa, reply, make_list(tsa, tmp_path, form=form)) == (0, "genuine")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("before,superseded", (1, "revoked")),
        ("after,superseded", (0, "genuine")),
        ("after,keyCompromise", (1, "revoked")),
        ("after", (1, "revoked")),
        ("before,certificateHold", (1, "on hold")),
    ],
)
def test_a_revocation_by_openssl_is_weighed(
    tsa: OpensslTsa, reply: Path, tmp_path: Path, entry: str, told: tuple[int, str]
) -> None:
    when, _, why = entry.partition(",")
    made = make_list(tsa, tmp_path, ",".join(filter(None, [REVOKED_AT[when], why])))
    assert verified(tsa, reply, made) == told


def test_a_list_of_another_root_leaves_it_open(
    tsa: OpensslTsa, reply: Path, tmp_path: Path
) -> None:
    other = openssl.make_tsa(tmp_path / "other", tsa.folder.name)
    lists = tmp_path / "lists"
    lists.mkdir()
    assert verified(tsa, reply, make_list(other, lists)) == (1, "bad CRL")
