"""OpenSSL's mock of a CMP server judges our CMP messages, and its answers are read."""

import os

import pytest
from kit.cmp_authority import SECRET, MockAuthority, make_authority, now

from appliance.asn1 import pem
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.x509 import decode_certificate
from appliance.errors import Malformed, Refused
from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.transaction import Transaction

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a CA, a request and the certificate that the mock grants."""
    made = tmp_path_factory.mktemp("cmp")
    make_authority(made)
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
