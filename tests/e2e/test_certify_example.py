"""The example program: a stranger gets a certificate with nothing but curl and openssl."""

import os
import subprocess
from pathlib import Path

import pytest
from kit.box import ROOT, Box
from kit.openssl import STANDARD_ID, run
from kit.status_judge import status_judge

from appliance.asn1 import pem
from appliance.asn1.status.crl import decode_crl
from appliance.asn1.x509 import decode_certificate

pytestmark = pytest.mark.e2e

PROGRAM = ROOT / "tools" / "examples" / "issue-certificate.sh"
GUARD_S = 120.0
LEFT = {"key.pem", "leaf.csr", "leaf.pem", "issuing.pem", "root.pem", "crl.der"}


def example(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it as a stranger: none of our environment, another folder."""
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=cwd,
        env={"PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )


def test_a_stranger_gets_an_sm2_certificate_and_what_it_takes_to_check_it(
    box: Box, tmp_path: Path
) -> None:
    ready = box.state / "run" / "ready.json"
    done = example(ready, "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "leaf.pem: OK" in done.stdout
    assert "Signature Verified Successfully" in done.stdout
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == LEFT
    assert (out / "key.pem").stat().st_mode & 0o077 == 0
    leaf = decode_certificate(pem.read_one((out / "leaf.pem").read_bytes(), "CERTIFICATE"))
    issuing = decode_certificate(pem.read_one((out / "issuing.pem").read_bytes(), "CERTIFICATE"))
    root = pem.read_one((out / "root.pem").read_bytes(), "CERTIFICATE")
    assert root in pem.read_all(box.roots.read_bytes(), "CERTIFICATE")
    assert leaf.issuer == issuing.subject
    assert decode_crl((out / "crl.der").read_bytes()).issuer == issuing.subject
    for name, issuer in (("leaf.pem", "issuing.pem"), ("issuing.pem", "root.pem")):
        distid = ("-vfyopt", f"distid:{STANDARD_ID}")
        run("verify", "-partial_chain", "-CAfile", out / issuer, *distid, out / name)


def test_bouncycastle_verifies_the_list_that_the_stranger_got(box: Box, tmp_path: Path) -> None:
    done = example(box.state / "run" / "ready.json", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    out, folder = tmp_path / "out", tmp_path / "java"
    folder.mkdir()
    with status_judge(folder) as judge:
        told = judge.of_list(out / "crl.der", out / "issuing.pem", out / "leaf.pem")
        assert told.startswith("OK number ")
        assert told.endswith(" good")
        told = judge.of_list(out / "crl.der", out / "root.pem", out / "leaf.pem")
        assert told.startswith("REFUSED")


@pytest.mark.parametrize("arguments", [(), ("absent.json", "out"), ("a", "b", "c")])
def test_it_says_what_it_needs(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = example(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("issue-certificate: ")


def test_it_fails_when_the_interface_is_not_the_one_it_trusts(box: Box, tmp_path: Path) -> None:
    # Its certificate is under another root than the one that the stranger trusts.
    ready = tmp_path / "ready.json"
    told = (box.state / "run" / "ready.json").read_text("utf-8")
    ready.write_text(told.replace(str(box.roots), str(box.tsa("p256"))), "utf-8")
    program = PROGRAM.read_text("utf-8").replace("PATIENCE_S=60", "PATIENCE_S=2")
    done = subprocess.run(
        ["sh", "-c", program, "sh", ready, "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )
    assert done.returncode == 1
    assert "certificate" in done.stderr
    assert not (tmp_path / "out" / "leaf.pem").exists()
