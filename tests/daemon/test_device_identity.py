"""The identity that fronts show to phones: one for all, ours, renewed before its end."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from appliance.asn1 import pem
from appliance.asn1.x509 import decode_certificate
from appliance.daemon.device_identity import LOOK_S, DeviceIdentity
from appliance.errors import Unavailable
from appliance.quantities import US_PER_S, Utc

START = Utc(1_800_000_000 * US_PER_S)
DAY_S = 86_400
ISSUER_KEY = ec.generate_private_key(ec.SECP256R1())
ISSUER = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuing")])


class Authority:
    """Certifies for 30 days while it is there; `asked` counts."""

    def __init__(self, clock):
        self.clock = clock
        self.asked = 0
        self.is_there = True
        self.slow = None

    def now(self):
        return Utc(START.posix_us + round(self.clock.seconds() * US_PER_S))

    async def certify(self, csr):
        self.asked += 1
        if self.slow is not None:
            await self.slow
        if not self.is_there:
            return []
        request = x509.load_der_x509_csr(csr)
        start = dt.datetime.fromtimestamp(self.now().posix_us // US_PER_S, dt.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(ISSUER)
            .public_key(request.public_key())
            .serial_number(self.asked)
            .not_valid_before(start)
            .not_valid_after(start + dt.timedelta(days=30))
            .sign(ISSUER_KEY, SHA256())
        )
        return [made.public_bytes(Encoding.DER)]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def authority(clock):
    return Authority(clock)


@pytest.fixture
def front(tmp_path, clock, authority):
    """Make a front on the one folder."""

    def make():
        return DeviceIdentity(
            tmp_path / "front", ["localhost"], authority.certify, clock=clock, now=authority.now
        )

    return make


def held(tmp_path):
    """Read the certificate that lies there."""
    blocks = pem.read_all((tmp_path / "front" / "tls-chain.pem").read_bytes(), "CERTIFICATE")
    return decode_certificate(blocks[0])


def test_there_is_an_identity_at_once_and_a_certificate_of_ours_with_the_first_answer(
    tmp_path, front, authority
):
    authority.slow = Deferred()
    identity = front()
    identity.start()
    before = identity.shown.getContext()
    assert held(tmp_path).is_self_issued
    authority.slow.callback(None)
    assert "issuing" in str(held(tmp_path).issuer)
    assert identity.shown.getContext() is not before


def test_it_asks_again_and_again_while_there_is_no_authority(tmp_path, front, authority, clock):
    authority.is_there = False
    front().start()
    for _ in range(10):
        clock.advance(1)
    assert 3 <= authority.asked <= 5
    assert held(tmp_path).is_self_issued
    authority.is_there = True
    clock.advance(LOOK_S)
    assert not held(tmp_path).is_self_issued


def test_a_certificate_is_renewed_when_two_thirds_of_its_life_are_over(tmp_path, front, clock):
    front().start()
    first = held(tmp_path)
    clock.pump([3600.0] * 24 * 19)
    assert held(tmp_path).der == first.der
    clock.pump([3600.0] * 24 * 2)
    assert held(tmp_path).der != first.der


def test_fronts_share_one_identity_and_see_what_another_renewed(tmp_path, front, authority, clock):
    authority.is_there = False
    one, other = front(), front()
    one.start()
    key = (tmp_path / "front" / "tls-key.pem").read_bytes()
    other.start()
    assert (tmp_path / "front" / "tls-key.pem").read_bytes() == key
    before = one.shown.getContext(), other.shown.getContext()
    authority.is_there = True
    asked = authority.asked
    clock.pump([1.0] * 200)
    assert authority.asked == asked + 1
    assert one.shown.getContext() is not before[0]
    assert other.shown.getContext() is not before[1]


def test_one_front_asks_at_a_time(front, authority, clock):
    authority.slow = Deferred()
    front().start()
    front().start()
    clock.pump([1.0] * 30)
    assert authority.asked == 1


def test_a_certificate_for_another_key_is_not_taken(tmp_path, front, authority):
    async def wrong(_csr):
        other = ec.generate_private_key(ec.SECP256R1())
        request = x509.CertificateSigningRequestBuilder().subject_name(ISSUER).sign(other, SHA256())
        return await authority.certify(request.public_bytes(Encoding.DER))

    identity = front()
    identity._certify = wrong
    identity.start()
    assert held(tmp_path).is_self_issued


def test_a_box_that_goes_away_amid_asking_is_asked_again(tmp_path, front, authority, clock):
    async def gone(_csr):
        raise Unavailable("it went away")

    identity = front()
    identity._certify = gone
    identity.start()
    identity._certify = authority.certify
    clock.advance(1)
    assert not held(tmp_path).is_self_issued


def test_a_front_that_stopped_looks_no_more(front, authority, clock):
    authority.is_there = False
    identity = front()
    identity.start()
    identity.stop()
    assert clock.getDelayedCalls() == []


def test_a_front_that_stops_amid_asking_asks_no_more(front, authority, clock):
    authority.is_there, authority.slow = False, Deferred()
    identity = front()
    identity.start()
    identity.stop()
    authority.slow.callback(None)
    assert clock.getDelayedCalls() == []
