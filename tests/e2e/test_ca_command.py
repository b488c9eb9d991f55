"""`shiyin ca` on a running box, as an operator and two custodians use it."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from kit.box import SETTINGS, Box, running_box
from kit.certifying import ask, csr_of, person_key
from kit.polling import wait_until

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.services.certifying.messages import Done, IssueBatch, Issued, RevokeAsk
from appliance.wire.ipc import ask as ask_socket

pytestmark = pytest.mark.e2e

GUARD_S = 30.0
TEMPLATE = """
name = "visitor"
kind = "person"
algorithms = ["sm2"]
subject = [{attribute = "CN", value = "{name}"}]
key_usage = ["digitalSignature"]
validity_days = 3
"""
SM2_DISTID = ["-pkeyopt", "distid:1234567812345678"]


@attrs.frozen
class Desk:
    """The command of one box, and a folder for what is written."""

    box: Box
    folder: Path

    def ca(self, *arguments: str, status: int = 0) -> Any:
        command = [self.box.facts["cli"], "--state", str(self.box.state), "--json", "ca"]
        done = subprocess.run(
            [*command, *arguments], capture_output=True, check=False, cwd=self.folder
        )
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def hold(self, opened: Any, *more: str) -> Any:
        """Have the statement, which was written to the file of that name, signed by both."""
        self.openssl(
            *("pkeyutl", "-sign", "-rawin", "-digest", "sm3", *SM2_DISTID),
            *("-inkey", "ann.key", "-in", "statement", "-out", "ann.sig"),
        )
        self.openssl("dgst", "-sha256", "-sign", "bo.key", "-out", "bo.sig", "statement")
        assert self.ca("approve", opened["ceremony"], "ann", "ann.sig") == {"is_done": False}
        return self.ca("approve", opened["ceremony"], "bo", "bo.sig", *more)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    state = tmp_path_factory.mktemp("ca") / "state"
    with running_box(state, SETTINGS) as box:
        made = Desk(box, tmp_path_factory.mktemp("papers"))
        wait_until(
            (state / "public" / "crl" / "issuing-sm2.crl").exists,
            guard_s=GUARD_S,
            what="the first list",
        )
        for name, curve in (("ann", "SM2"), ("bo", "P-256")):
            option = ("-pkeyopt", f"ec_paramgen_curve:{curve}", "-out", f"{name}.key")
            made.openssl("genpkey", "-algorithm", "EC", *option)
            made.openssl("pkey", "-in", f"{name}.key", "-pubout", "-out", f"{name}.pub")
            made.ca("enrol-first", name, f"{name}.pub")
        yield made


def base_url(desk: Desk) -> str:
    return str(desk.box.facts["tsp_http"]).removesuffix("/tsa")


def test_the_demo_has_an_authority_of_each_algorithm(desk: Desk) -> None:
    facts = desk.ca("list")
    assert {name: each["algorithm"] for name, each in facts.items()} == {
        "issuing-p256": "p256",
        "issuing-rsa": "rsa",
        "issuing-sm2": "sm2",
    }
    certificates = pem.read_all(desk.ca("show", "issuing-sm2")["chain"].encode(), "CERTIFICATE")
    roots = pem.read_all(desk.box.roots.read_bytes(), "CERTIFICATE")
    assert certificates[-1] in roots
    assert decode_certificate(certificates[0]).extensions.basic_constraints.path_len == 0


def test_lists_and_issuers_are_served_and_openssl_verifies_them(desk: Desk) -> None:
    desk.ca("crl", "issuing-p256")
    for path, name in (("crl/issuing-p256.crl", "list.crl"), ("ca/issuing-p256.cer", "ca.cer")):
        with urllib.request.urlopen(f"{base_url(desk)}/{path}", timeout=GUARD_S) as response:
            (desk.folder / name).write_bytes(response.read())
    desk.openssl("x509", "-inform", "DER", "-in", "ca.cer", "-out", "ca.pem")
    desk.openssl("verify", "-CAfile", str(desk.box.roots), "-x509_strict", "ca.pem")
    desk.openssl("crl", "-inform", "DER", "-in", "list.crl", "-CAfile", "ca.pem", "-noout")


def test_openssl_asks_by_ocsp_and_hears_of_a_revocation_at_once(desk: Desk) -> None:
    socket = desk.box.state / "run" / "admin.sock"
    wish = ask(1, authority="issuing-p256", csr=csr_of(person_key()))
    answer = ask_socket(socket, IssueBatch(1, [wish]), Issued)
    (der,) = answer.results
    assert isinstance(der, bytes)
    (desk.folder / "leaf.pem").write_bytes(pem.write("CERTIFICATE", der))
    chain = desk.ca("show", "issuing-p256")["chain"]
    (desk.folder / "issuer.pem").write_text(chain, "ascii")
    assert ocsp(desk) == "leaf.pem: good"
    serial = decode_certificate(der).serial_number.to_bytes(14, "big")
    ask_socket(socket, RevokeAsk(2, "issuing-p256", serial, 4), Done)
    assert ocsp(desk) == "leaf.pem: revoked"


def ocsp(desk: Desk) -> str:
    """Ask the box about leaf.pem, and have the answer verified under its roots."""
    done = subprocess.run(
        [
            *("openssl", "ocsp", "-issuer", "issuer.pem", "-cert", "leaf.pem", "-nonce"),
            *("-url", f"{base_url(desk)}/ocsp", "-CAfile", str(desk.box.roots)),
        ],
        cwd=desk.folder,
        capture_output=True,
        check=True,
        text=True,
    )
    assert "Response verify OK" in done.stderr
    return done.stdout.splitlines()[0]


def test_a_template_is_added_within_its_bounds_only(desk: Desk) -> None:
    (desk.folder / "good.toml").write_text(TEMPLATE, "utf-8")
    assert desk.ca("template-add", "good.toml") == {"name": "visitor"}
    assert desk.ca("templates")["visitor"]["validity_days"] == 3
    bad = TEMPLATE.replace("digitalSignature", "keyCertSign")
    (desk.folder / "bad.toml").write_text(bad, "utf-8")
    assert desk.ca("template-add", "bad.toml", status=1)["kind"] == "Refused"


def test_an_authority_is_requested_signed_off_line_and_imported(desk: Desk) -> None:
    desk.openssl(
        *("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "root.key")
    )
    desk.openssl(
        *("req", "-x509", "-new", "-key", "root.key", "-sm3", "-sigopt", SM2_DISTID[1]),
        *("-subj", "/C=CN/CN=Off line root", "-days", "7300", "-out", "root.pem"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    opened = desk.ca(
        "request", "issuing-main", "--common-name", "Hospital CA", "--out", "statement"
    )
    desk.hold(opened, "--out", "main.csr")
    desk.openssl("req", "-in", "main.csr", "-noout", "-verify", "-vfyopt", SM2_DISTID[1])
    desk.ca(
        *("sign-offline", "main.csr", "--issuer", "root.pem", "--key", "root.key"),
        *("--days", "3650", "--out", "main.pem"),
    )
    opened = desk.ca("import", "issuing-main", "main.pem", "--out", "statement")
    assert desk.hold(opened) == {"is_done": True, "name": "issuing-main"}
    assert desk.ca("list")["issuing-main"]["issuer"] == "CN=Off line root,C=CN"


def test_a_third_custodian_needs_a_ceremony(desk: Desk) -> None:
    assert desk.ca("custodians")["custodians"] == ["ann", "bo"]
    desk.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out", "c")
    desk.openssl("pkey", "-in", "c", "-pubout", "-out", "c.pub")
    desk.ca("enrol-first", "cy", "c.pub")
    assert desk.ca("custodians")["custodians"] == ["ann", "bo"]
    opened = desk.ca(
        "ceremony", "add-custodian", "name=cy", "--file", "key=c.pub", "--out", "statement"
    )
    assert desk.hold(opened)["custodians"] == ["ann", "bo", "cy"]


@pytest.mark.parametrize(
    ("arguments", "status", "kind"),
    [
        (["show", "issuing-none"], 2, "NotFound"),
        (["crl", "issuing-none"], 2, "NotFound"),
        (["request", "other", "--common-name", "x"], 2, "Malformed"),
        (["ceremony", "make-authority", "algorithm"], 2, "Malformed"),
        (["approve", "zz", "ann", "ann.pub"], 2, "Malformed"),
        (["approve", "00" * 16, "ann", "ann.pub"], 2, "NotFound"),
    ],
)
def test_what_cannot_be_done_is_said(
    desk: Desk, arguments: list[str], status: int, kind: str
) -> None:
    assert desk.ca(*arguments, status=status)["kind"] == kind
