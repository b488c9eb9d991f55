"""Questions about tokens, and the facts that answer them."""

import base64
import os

import attrs
import msgspec
import pytest
from kit.authority import authority
from kit.crls import List, after_stamping, revoked
from kit.tokens import DOCUMENT, NONCE, POLICY, Recipe, hashed, tst_info
from twisted.internet.task import Clock

from appliance.asn1 import oids, pem
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.tsp import decode_request
from appliance.crypto.api import KeyAlgorithm
from appliance.crypto.libcrypto import LibcryptoEngine
from appliance.errors import Malformed
from appliance.services.verifying import (
    MAX_LISTS_OCTETS,
    DigestValue,
    Question,
    TrustedRoots,
    Verifier,
)
from appliance.tsp.hashes import DocumentHash

MADE = authority(KeyAlgorithm.SM2)
TOKEN = Recipe(signer=MADE.tsa).token()
SHA256 = hashed(oids.SHA256, DOCUMENT)


def written(path, *subjects):
    path.write_bytes(b"".join(pem.write("CERTIFICATE", each.certificate.der) for each in subjects))
    return path


@pytest.fixture
def verifier(tmp_path):
    roots = written(tmp_path / "roots.pem", MADE.root)
    trusted = TrustedRoots(LibcryptoEngine(), [roots], Clock())
    return Verifier(trusted, lambda: after_stamping(2))


def ask(verifier, **fields):
    return verifier.answer(Question(**{"token": TOKEN, "document": DOCUMENT, **fields}))


def test_the_facts_are_what_gmt_0033_asks_of_a_token(verifier):
    facts = ask(verifier)
    request = decode_request(base64.b64decode(facts.pop("original_request")))
    assert facts == {
        "verdict": "VALID",
        "reason": "genuine",
        "detail": "The token is genuine.",
        "gen_time": "2026-03-01T08:30:00.123456Z",
        "beijing_time": "2026-03-01T16:30:00.123456+08:00",
        "accuracy_us": 500,
        "policy": POLICY,
        "serial": "0102030405",
        "hash": "SHA-256",
        "imprint": SHA256.hex(),
        "precision": "±0.0005 s",
        "source_of_time": None,
        "signature": "SM2 with SM3",
        "signer": "TSA sm2",
        "chain": [
            "CN=TSA sm2,O=Shiyin test,C=CN",
            "CN=Root sm2,O=Shiyin test,C=CN",
        ],
        "sm2_id": "1234567812345678",
        "deviations": [],
        "revocation": [],
    }
    assert request.imprint == SHA256
    assert (request.req_policy, request.cert_req) == (POLICY, True)
    assert int.from_bytes(request.nonce_tlv[2:], "big") == NONCE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sha256", SHA256.hex()),
        ("SHA-256", SHA256.hex().upper()),
        ("Sha256", base64.b64encode(SHA256).decode()),
    ],
)
def test_a_digest_does_for_the_document(verifier, name, value):
    facts = ask(verifier, document=None, digest=DigestValue(name, value))
    assert facts["verdict"] == "VALID"


def test_a_document_may_have_come_piece_by_piece(verifier):
    streamed = DocumentHash()
    streamed.update(DOCUMENT[:3])
    streamed.update(DOCUMENT[3:])
    question = Question(token=TOKEN, document=b"")
    assert verifier.answer(question, streamed)["verdict"] == "VALID"
    assert verifier.answer(question)["reason"] == "imprint mismatch"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"nonce": NONCE}, "genuine"),
        ({"nonce": hex(NONCE)}, "genuine"),
        ({"nonce": f"00{NONCE}"}, "genuine"),
        ({"nonce": 1}, "nonce mismatch"),
        ({"policy": POLICY}, "genuine"),
        ({"policy": "2.999.2"}, "policy mismatch"),
        ({"document": b"another"}, "imprint mismatch"),
        ({"token": b""}, "malformed"),
    ],
)
def test_what_is_expected_is_compared(verifier, fields, reason):
    assert ask(verifier, **fields)["reason"] == reason


@pytest.mark.parametrize(
    ("field", "text"),
    [("policy", "2.999.1"), ("nonce", "5"), ("nonce", "-5"), ("nonce", "0x5f")],
)
def test_nothing_may_follow_a_policy_or_a_nonce(field, text):
    assert msgspec.convert({"token": b"", field: text}, Question)
    for more in ("\n", " ", "x"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"token": b"", field: text + more}, Question)


def test_the_clock_is_read_for_lists_alone(tmp_path):
    def ask_the_time():
        readings.append(after_stamping(2))
        return readings[-1]

    readings = []
    roots = written(tmp_path / "roots.pem", MADE.root)
    verifier = Verifier(TrustedRoots(LibcryptoEngine(), [roots], Clock()), ask_the_time)
    assert ask(verifier)["verdict"] == "VALID"
    assert readings == []
    assert ask(verifier, crls=(List(issuer=MADE.root).der(),))["verdict"] == "VALID"
    assert len(readings) == 1


def test_a_missing_certificate_may_be_supplied(verifier):
    bare = Recipe(signer=MADE.tsa, certificates=()).token()
    assert ask(verifier, token=bare)["reason"] == "no signer certificate"
    supplied = pem.write("CERTIFICATE", MADE.tsa.certificate.der).decode()
    facts = ask(verifier, token=bare, certificates=supplied)
    assert facts["verdict"] == "VALID"
    assert not decode_request(base64.b64decode(facts["original_request"])).cert_req


def test_lists_are_asked_at_the_present(verifier):
    sound = List(issuer=MADE.root)
    entry = revoked(MADE.tsa.certificate, after_stamping(1), CrlReason.KEY_COMPROMISE)
    facts = ask(verifier, crls=(attrs.evolve(sound, entries=(entry,)).der(),))
    assert (facts["verdict"], facts["reason"]) == ("INVALID", "revoked")
    assert facts["revocation"] == [
        {
            "certificate": "CN=TSA sm2,O=Shiyin test,C=CN",
            "status": "revoked",
            "list_of": "2026-03-02T08:30:00.000000Z",
            "revoked_at": "2026-03-02T08:30:00.000000Z",
            "crl_reason": "key_compromise",
        }
    ]
    stale = attrs.evolve(sound, next_update=after_stamping(1))
    assert ask(verifier, crls=(stale.der(),))["reason"] == "stale CRL"


@pytest.mark.parametrize(
    "fields",
    [
        {"document": None},
        {"digest": DigestValue("sha256", SHA256.hex())},
        {"document": None, "digest": DigestValue("md5", "00" * 16)},
        {"document": None, "digest": DigestValue("sm3", "00" * 31)},
        {"document": None, "digest": DigestValue("sm3", "zz" * 32)},
        {"document": None, "digest": DigestValue("sm3", "*" * 44)},
        {"certificates": "no PEM"},
        {"certificates": "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"},
        {"crls": (b"no list",)},
        {"crls": (bytes(MAX_LISTS_OCTETS), b"x")},
    ],
)
def test_a_question_that_is_none_is_malformed(verifier, fields):
    with pytest.raises(Malformed):
        ask(verifier, **fields)


@pytest.mark.parametrize("nonce", ["", "x", "0x", "1e3", "0x" + "0" * 129])
def test_a_nonce_is_a_number(nonce):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"token": "", "nonce": nonce}, Question)


@pytest.mark.parametrize(
    ("tsa", "told"),
    [
        (
            b"\xa4"
            + bytes([len(MADE.root.certificate.subject.der)])
            + MADE.root.certificate.subject.der,
            "CN=Root sm2,O=Shiyin test,C=CN",
        ),
        (b"\x86\x03a:b", "a:b"),
        (b"\x86\x02\xff\n", "\\xff\n"),
        (b"\xa4\x02\x05\x00", "#a4020500"),
        (b"\x87\x04\x7f\x00\x00\x01", "#87047f000001"),
    ],
)
def test_the_source_of_time_is_whom_the_token_names(verifier, tsa, told):
    token = Recipe(signer=MADE.tsa, econtent=tst_info(tsa=tsa)).token()
    assert ask(verifier, token=token)["source_of_time"] == told


def test_without_accuracy_there_is_no_precision(verifier):
    token = Recipe(signer=MADE.tsa, econtent=tst_info(accuracy_us=None)).token()
    assert ask(verifier, token=token)["precision"] is None


# --- roots ----------------------------------------------------------------------------------------


@attrs.frozen
class Watched:
    """Roots of two files under a clock."""

    folder: object
    clock: Clock = attrs.field(factory=Clock)

    def trusted(self):
        files = [self.folder / "roots.pem", self.folder / "more.pem"]
        return TrustedRoots(LibcryptoEngine(), files, self.clock)


def test_roots_are_read_again_when_a_file_changes(tmp_path):
    watched = Watched(tmp_path)
    trusted = watched.trusted()
    assert trusted.trust().paths.roots == ()
    path = written(tmp_path / "more.pem", MADE.root)
    assert trusted.trust().paths.roots == ()
    watched.clock.advance(1)
    first = trusted.trust()
    assert first.paths.roots == (MADE.root.certificate,)
    watched.clock.advance(1)
    assert trusted.trust() is first
    other = authority(KeyAlgorithm.P256).root
    written(tmp_path / "roots.pem", other, MADE.root)
    watched.clock.advance(1)
    assert trusted.trust().paths.roots == (other.certificate, MADE.root.certificate)
    path.unlink()
    watched.clock.advance(1)
    assert len(trusted.trust().paths.roots) == 2


def test_a_file_that_cannot_be_read_leaves_the_roots_of_before(tmp_path):
    watched = Watched(tmp_path)
    trusted = watched.trusted()
    path = written(tmp_path / "roots.pem", MADE.root)
    first = trusted.trust()
    path.write_bytes(b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n")
    os.utime(path, ns=(1, 1))
    watched.clock.advance(1)
    assert trusted.trust() is first
