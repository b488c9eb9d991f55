"""OpenSSL's mock of a CMP server judges our CMP messages, and its answers are read."""

import os
import socket
import subprocess
import time
import urllib.request

import pytest
from kit import openssl

from appliance.asn1 import pem
from appliance.asn1.crl import CrlReason
from appliance.asn1.x509 import decode_certificate
from appliance.errors import Malformed, Refused
from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.transaction import Transaction
from appliance.quantities import Utc

pytestmark = pytest.mark.e2e

SECRET = SharedSecret(b"box", b"a shared secret")


class MockAuthority:
    """One `openssl cmp -port`, which grants the certificate it was given."""

    def __init__(self, folder, *options):
        self.port = _free_port()
        self.log = folder / "cmp.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *("openssl", "cmp", "-port", str(self.port), "-accept_raverified"),
                    *("-srv_ref", "box", "-srv_secret", "pass:a shared secret"),
                    *("-rsp_cert", "leaf.pem", "-rsp_extracerts", "ca.pem", *options),
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
            )

    def __enter__(self):
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def post(self, octets):
        """Carry one message there and its answer back."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/pkix/",
            octets,
            {"Content-Type": "application/pkixcmp"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()

    def finish(self, exchange, message):
        """Carry messages until the transaction is over: the outcome, and how many went out."""
        sent = 1
        outcome = exchange.hear(self.post(message), now())
        while outcome.following:
            outcome = exchange.hear(self.post(outcome.following), now())
            sent += 1
        return outcome, sent


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def now():
    """Tell the host's time."""
    return Utc(time.time_ns() // 1000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a CA, a request and the certificate that the mock grants."""
    made = tmp_path_factory.mktemp("cmp")
    openssl.run("ecparam", "-genkey", "-name", "prime256v1", "-out", made / "ca.key")
    openssl.run(
        *("req", "-x509", "-new", "-key", made / "ca.key", "-subj", "/CN=Other CA"),
        *("-days", "10", "-out", made / "ca.pem"),
    )
    openssl.run("ecparam", "-genkey", "-name", "prime256v1", "-out", made / "leaf.key")
    openssl.run(
        "req", "-new", "-key", made / "leaf.key", "-subj", "/CN=leaf", "-out", made / "leaf.csr"
    )
    openssl.run(
        *("x509", "-req", "-in", made / "leaf.csr", "-CA", made / "ca.pem"),
        *("-CAkey", made / "ca.key", "-days", "5", "-out", made / "leaf.pem"),
    )
    return made


@pytest.fixture(scope="module")
def csr(folder):
    return pem.read_one((folder / "leaf.csr").read_bytes(), "CERTIFICATE REQUEST")


@pytest.fixture(scope="module")
def leaf(folder):
    return decode_certificate(pem.read_one((folder / "leaf.pem").read_bytes(), "CERTIFICATE"))


@pytest.mark.parametrize(
    ("options", "messages"),
    [(("-grant_implicitconf",), 1), ((), 2), (("-poll_count", "2", "-check_after", "0"), 4)],
    ids=["implicit confirmation", "confirmed", "polled"],
)
def test_a_request_and_a_key_update_are_granted(folder, csr, leaf, options, messages):
    with MockAuthority(folder, *options) as authority:
        for verb in ("enrol", "update"):
            exchange = Transaction(SECRET, os.urandom, recipient=leaf.issuer.der)
            message = (
                exchange.enrol(csr, now())
                if verb == "enrol"
                else exchange.update(leaf, leaf.spki, now())
            )
            outcome, sent = authority.finish(exchange, message)
            assert outcome.certificate == leaf, authority.log.read_text()
            assert [str(each.subject) for each in outcome.extra] == ["CN=Other CA"]
            assert sent == messages


def test_a_revocation_is_accepted(folder, leaf):
    with MockAuthority(folder) as authority:
        exchange = Transaction(SECRET, os.urandom)
        message = exchange.revoke(leaf, CrlReason.SUPERSEDED, now())
        assert exchange.hear(authority.post(message), now()).following == b""


def test_what_the_authority_says_of_a_refusal_is_told(folder, csr):
    with MockAuthority(folder, "-pkistatus", "2", "-statusstring", "not today") as authority:
        exchange = Transaction(SECRET, os.urandom)
        with pytest.raises(Refused, match="not today"):
            authority.finish(exchange, exchange.enrol(csr, now()))


def test_a_secret_that_differs_is_found_on_either_side(folder, csr):
    with MockAuthority(folder, "-grant_implicitconf") as authority:
        exchange = Transaction(SharedSecret(b"box", b"another"), os.urandom)
        with pytest.raises((Malformed, Refused)):
            authority.finish(exchange, exchange.enrol(csr, now()))


def test_an_answer_is_taken_once_and_for_its_own_question_only(folder, csr):
    with MockAuthority(folder, "-grant_implicitconf") as authority:
        first = Transaction(SECRET, os.urandom)
        answer = authority.post(first.enrol(csr, now()))
        second = Transaction(SECRET, os.urandom)
        second.enrol(csr, now())
        with pytest.raises(Malformed, match="was not asked"):
            second.hear(answer, now())
        first.hear(answer, now())
