"""CMP without a peer: pyasn1's schema reads what we write; garbage is Malformed or Refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.certificates import signer_certificate
from pyasn1.codec.der import decoder
from pyasn1_modules import rfc4210, rfc4211

from appliance.asn1 import der
from appliance.asn1.status.crl import CrlReason
from appliance.asn1.x509 import decode_certificate
from appliance.errors import Malformed, Refused
from appliance.pki.cmp import writing
from appliance.pki.cmp.protection import SharedSecret
from appliance.pki.cmp.reading import read_answer
from appliance.pki.cmp.transaction import Transaction
from appliance.quantities import Utc

SECRET = SharedSecret(b"box", b"secret")
NOW = Utc(1_790_000_000_000_000)


@pytest.fixture(scope="module")
def leaf():
    """Give any certificate."""
    return decode_certificate(signer_certificate().certificate)


def draws():
    """Give octets that differ and repeat from run to run."""
    count = iter(range(256))
    return lambda octets: bytes((next(count),)) * octets


def answer(exchange_message, body, *, kind, secret=SECRET, transaction=None):
    """Make an answer to a message of a transaction, as an authority would."""
    header, _ = decoder.decode(exchange_message, asn1Spec=rfc4210.PKIMessage())
    ours = bytes(header["header"]["transactionID"])
    nonce = bytes(header["header"]["senderNonce"])
    heading = writing.Heading(secret, transaction or ours)
    return heading.message(kind, body, nonce=bytes(16), salt=bytes(16), at=NOW, answers=nonce)


def granted(certificate):
    """Make the CertRepMessage that grants a certificate."""
    pair = der.sequence(der.tlv(der.context(0), certificate.der))
    status = der.sequence(der.integer(0))
    response = der.sequence(der.integer(0), status, pair)
    return der.sequence(der.sequence(response))


def test_the_schema_of_rfc_4210_reads_every_message(leaf):
    exchange = Transaction(SECRET, draws(), recipient=leaf.issuer.der)
    messages = {
        "kur": exchange.update(leaf, leaf.spki, NOW),
        "rr": exchange.revoke(leaf, CrlReason.KEY_COMPROMISE, NOW),
    }
    for name, message in messages.items():
        read, rest = decoder.decode(message, asn1Spec=rfc4210.PKIMessage())
        assert not rest
        assert read["body"].getName() == name
        assert bytes(read["header"]["senderKID"]) == b"box"
        assert str(read["header"]["messageTime"]) == "20260921141320Z"


def test_a_key_update_names_the_old_certificate_and_the_key(leaf):
    requests, _ = decoder.decode(
        writing.key_update(leaf, leaf.spki), asn1Spec=rfc4211.CertReqMessages()
    )
    request = requests[0]["certReq"]
    assert requests[0]["popo"].getName() == "raVerified"
    assert request["controls"][0]["type"].prettyPrint() == "1.3.6.1.5.5.7.5.1.5"
    old, _ = decoder.decode(bytes(request["controls"][0]["value"]), asn1Spec=rfc4211.OldCertId())
    assert int(old["serialNumber"]) == leaf.serial_number


def test_a_granted_certificate_is_confirmed_or_not_as_the_authority_wants(leaf):
    exchange = Transaction(SECRET, draws())
    message = exchange.update(leaf, leaf.spki, NOW)
    outcome = exchange.hear(answer(message, granted(leaf), kind=3), NOW)
    assert outcome.certificate == leaf
    assert outcome.following == b""  # our own writer grants implicit confirmation


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"secret": SharedSecret(b"box", b"other")}, "not protected by the shared secret"),
        ({"transaction": bytes(range(16))}, "was not asked"),
    ],
)
def test_an_answer_of_another_is_not_taken(leaf, change, error):
    exchange = Transaction(SECRET, draws())
    message = exchange.update(leaf, leaf.spki, NOW)
    with pytest.raises(Malformed, match=error):
        exchange.hear(answer(message, granted(leaf), kind=3, **change), NOW)


def test_an_answer_whose_last_octet_of_the_body_was_changed_is_not_taken(leaf):
    exchange = Transaction(SECRET, draws())
    octets = answer(exchange.update(leaf, leaf.spki, NOW), granted(leaf), kind=3)
    at = octets.index(leaf.signature) + 20
    changed = octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]
    with pytest.raises(Malformed, match="not protected by"):
        exchange.hear(changed, NOW)


def test_more_hashing_than_an_answer_is_worth_is_refused():
    rounds = der.integer(10_000_000)
    honest = SECRET.algorithm(bytes(16))
    dear = honest.replace(der.integer(10_000), rounds)
    grown = len(rounds) - len(der.integer(10_000))
    start, _ = der.whole(honest, der.SEQUENCE)
    oid_stop = der.expect(honest, start, len(honest), der.OBJECT_IDENTIFIER)[1]
    inner = der.expect(honest, oid_stop, len(honest), der.SEQUENCE)
    assert grown > 0
    content = dear[inner[0] :]
    dear = der.sequence(honest[start:oid_stop], der.tlv(der.SEQUENCE, content))
    with pytest.raises(Refused, match="more hashing"):
        SECRET.mac(dear, b"")


def test_a_secret_does_not_show_itself():
    assert "secret'" not in repr(SECRET)
    assert b"secret" not in repr(SECRET).encode()[30:]


@given(st.binary(max_size=300), st.integers(0, 600), st.binary(max_size=6))
def test_garbage_is_malformed_or_refused(garbage, at, patch):
    exchange = Transaction(SECRET, draws())
    leaf = decode_certificate(signer_certificate().certificate)
    whole = answer(exchange.update(leaf, leaf.spki, NOW), granted(leaf), kind=3)
    for octets in (garbage, whole[:at] + patch + whole[at + len(patch) :]):
        if octets == whole:
            continue
        with contextlib.suppress(Malformed):
            read_answer(octets)
        with pytest.raises((Malformed, Refused)):
            exchange.hear(octets, NOW)
