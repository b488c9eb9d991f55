"""Authorities outside: what CMP and EST are asked, and what becomes of their answers."""

import base64

import pytest
from kit import openssl
from kit.registration import FakeSigner, csr, outcome, town

from appliance.asn1 import pem
from appliance.asn1.status.crl import CrlReason
from appliance.errors import Conflict, Malformed, Refused, Unavailable
from appliance.pki.states import CertificateState, RequestState
from appliance.services.certifying.messages import IssueAsk
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.requests import EXTERNAL, RENEW, RequestDesk, Wish
from appliance.services.registration.roads import EstRoad


@pytest.fixture
def place(tmp_path):
    """Give an office on a fresh registry."""
    return town(tmp_path)


class FakeRoad:
    """An authority outside that issues with keys of its own, or fails as it is told."""

    def __init__(self):
        self.signer = FakeSigner()
        self.count = 0
        self.fault = None
        self.revoked = []

    async def enrol(self, request):
        if self.fault:
            raise self.fault
        self.count += 1
        ask = IssueAsk(self.count.to_bytes(16, "big"), "outside", "x", {}, request)
        return (await self.signer.issue([ask]))[0]

    async def renew(self, old, request):
        return await self.enrol(request or csr())

    async def revoke(self, old, reason):
        self.revoked.append(reason)


def wish(**changes):
    return Wish("outside", "person", "7", csr=csr(), road=EXTERNAL, **changes)


def test_a_request_goes_out_and_its_certificate_is_kept_renewed_and_revoked(place):
    road = FakeRoad()
    office = place.office()
    desk = RequestDesk(office, {"outside": road})
    (row,) = outcome(desk.take([wish()]))
    assert row.state is RequestState.ISSUED
    (new,) = outcome(desk.take([wish(kind=RENEW, renews=row.certificate_id)]))
    revoking = CertificateDesk(office, {"outside": road})
    gone = outcome(revoking.revoke(new.certificate_id, CrlReason.SUPERSEDED))
    assert gone.state is CertificateState.REVOKED
    assert road.revoked == [CrlReason.SUPERSEDED]
    assert place.signer.revoked == []


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (Refused("no"), RequestState.REFUSED),
        (Unavailable("away"), RequestState.FAILED),
        (Malformed("nonsense"), RequestState.FAILED),
    ],
)
def test_a_refusal_is_over_and_a_broken_road_can_be_tried_again(place, fault, state):
    road = FakeRoad()
    road.fault = fault
    (row,) = outcome(RequestDesk(place.office(), {"outside": road}).take([wish()]))
    assert (row.state, row.reason) == (state, str(fault))


def test_a_request_whose_road_broke_is_sent_once_more_under_its_number(place):
    road = FakeRoad()
    road.fault = Unavailable("away")
    desk = RequestDesk(place.office(), {"outside": road})
    (row,) = outcome(desk.take([wish()]))
    assert outcome(desk.retry(row.id)).state is RequestState.FAILED
    road.fault = None
    again = outcome(desk.retry(row.id))
    assert (again.id, again.state, again.reason) == (row.id, RequestState.ISSUED, None)
    with pytest.raises(Conflict):
        outcome(desk.retry(row.id))


def test_an_authority_to_which_no_road_leads_is_told(place):
    (row,) = outcome(RequestDesk(place.office()).take([wish()]))
    assert row.state is RequestState.REFUSED
    assert "no road" in row.reason


def certs_only(folder, *certificates):
    """Let OpenSSL make what an EST server answers."""
    text = b"".join(pem.write("CERTIFICATE", each) for each in certificates)
    (folder / "all.pem").write_bytes(text)
    openssl.run(
        *("crl2pkcs7", "-nocrl", "-certfile", folder / "all.pem"),
        *("-outform", "DER", "-out", folder / "all.p7"),
    )
    return base64.encodebytes((folder / "all.p7").read_bytes())


def test_est_finds_the_certificate_of_the_key_among_those_that_come(tmp_path):
    request, other = csr("mine"), csr("other")
    asks = [
        IssueAsk(bytes((n,)) * 16, "a", "b", {}, each) for n, each in enumerate((other, request))
    ]
    wrong, right = outcome(FakeSigner().issue(asks))
    sent = []

    async def post(path, media_type, body):
        sent.append((path, media_type, base64.b64decode(body)))
        return certs_only(tmp_path, wrong, right)

    road = EstRoad("/.well-known/est", post)
    assert outcome(road.enrol(request)) == right
    assert outcome(road.renew(right, request)) == right
    assert sent == [
        ("/.well-known/est/simpleenroll", "application/pkcs10", request),
        ("/.well-known/est/simplereenroll", "application/pkcs10", request),
    ]
    with pytest.raises(Refused):
        outcome(road.renew(right, None))
    with pytest.raises(Refused):
        outcome(road.revoke(right, CrlReason.SUPERSEDED))
    with pytest.raises(Malformed, match="key that was asked"):
        outcome(road.enrol(csr("third")))


def test_nonsense_from_an_est_server_is_malformed():
    async def post(path, media_type, body):
        return b"!" if path.endswith("simpleenroll") else base64.b64encode(b"nonsense")

    road = EstRoad("/est", post)
    with pytest.raises(Malformed):
        outcome(road.enrol(csr()))
