import attrs
import pytest
from kit.authority import authority
from kit.crls import DAY_US, List, after_stamping, revoked
from kit.ocsp import as_responder, responder
from kit.verification import CRL_URL, NOW, OCSP_URL, Network, Room, ocsp_page, person, settled
from twisted.internet.defer import Deferred

from appliance.asn1 import oids
from appliance.asn1.extension.extensions import extension
from appliance.asn1.status.ocsp import GOOD, ResponseStatus
from appliance.asn1.status.ocsp_writing import encode_error
from appliance.crypto.api import KeyAlgorithm
from appliance.quantities import Utc
from appliance.services.verification.revocations import FetchLimits

ROOT = authority(KeyAlgorithm.SM2).root
LIST = List(issuer=ROOT, next_update=after_stamping(8)).der()


def a_room(**limits):
    network = Network({CRL_URL: lambda _: LIST})
    return Room(network, limits=FetchLimits(**limits))


def test_a_list_is_fetched_once_while_it_holds():
    room = a_room()
    revocations, doctor = room.revocations(), person().certificate
    for _ in range(3):
        (crl,) = settled(revocations.lists(doctor))
        assert crl.der == LIST
    assert room.network.asked == [CRL_URL]
    room.clock.at = Utc(NOW.posix_us + 3_600_000_000)
    settled(revocations.lists(doctor))
    assert room.network.asked == [CRL_URL] * 2


def test_a_list_that_ended_is_fetched_again_but_not_at_every_question():
    room = a_room()
    ended = List(issuer=ROOT, next_update=NOW).der()
    room.network.pages[CRL_URL] = lambda _: ended
    revocations, doctor = room.revocations(), person().certificate
    settled(revocations.lists(doctor))
    settled(revocations.lists(doctor))
    assert len(room.network.asked) == 1
    room.clock.at = Utc(NOW.posix_us + 11_000_000)
    settled(revocations.lists(doctor))
    assert len(room.network.asked) == 2


@pytest.mark.parametrize("page", [None, lambda _: b"no list", lambda _: bytes(100_000)])
def test_what_cannot_be_had_is_not_there_and_not_asked_for_again_at_once(page):
    room = a_room(crl_octets=50_000)
    room.network.pages = {} if page is None else {CRL_URL: page}
    revocations, doctor = room.revocations(), person().certificate
    assert settled(revocations.lists(doctor)) == []
    room.network.pages = {CRL_URL: lambda _: LIST}
    assert settled(revocations.lists(doctor)) == []
    room.clock.at = Utc(NOW.posix_us + 10_000_000)
    assert len(settled(revocations.lists(doctor))) == 1
    assert len(room.network.asked) == 2


def test_who_asks_while_a_list_is_on_its_way_waits_for_the_same():
    room = a_room()
    room.network.held = []
    revocations, doctor = room.revocations(), person().certificate
    found = []
    for _ in range(3):
        Deferred.fromCoroutine(revocations.lists(doctor)).addCallback(found.append)
    assert room.network.asked == [CRL_URL]
    (gate,) = room.network.held
    gate.callback(None)
    assert [len(each) for each in found] == [1, 1, 1]
    assert room.network.asked == [CRL_URL]


def test_no_more_are_on_their_way_than_may_be():
    room = a_room(at_once=2)
    room.network.held = []
    revocations = room.revocations()
    for number in range(5):
        doctor = person(crl=[f"http://ca.example/{number}"]).certificate
        Deferred.fromCoroutine(revocations.lists(doctor))
    assert len(room.network.asked) == 2
    room.network.held[0].callback(None)
    assert len(room.network.asked) == 3


def test_memory_is_bounded_and_forgets_the_longest_unused():
    room = a_room(remembered=2)
    revocations = room.revocations()
    urls = [f"http://ca.example/{number}" for number in range(3)]
    room.network.pages = {url: lambda _: LIST for url in urls}
    for url in (*urls, urls[2], urls[0]):
        settled(revocations.lists(person(crl=[url]).certificate))
    assert room.network.asked == [*urls, urls[0]]
    small = a_room(remembered_octets=10)
    kept = small.revocations()
    for _ in range(2):
        assert len(settled(kept.lists(person().certificate))) == 1
    assert len(small.network.asked) == 2


def test_only_allowed_addresses_are_asked_and_only_a_few():
    room = a_room(urls=2)
    doctor = person(
        crl=[
            "http://evil.example/a",
            "file:///etc/passwd",
            *(f"http://ca.example/{n}" for n in "abc"),
        ],
        ocsp="http://evil.example/ocsp",
    ).certificate
    assert settled(room.revocations().lists(doctor)) == []
    assert settled(room.revocations().answers(doctor, ROOT.certificate)) == []
    assert room.network.asked == ["http://ca.example/a", "http://ca.example/b"]


def test_an_ill_formed_extension_names_nothing():
    odd = extension(oids.CRL_DISTRIBUTION_POINTS, b"\x04\x00")
    doctor = person(crl=(), extensions=[odd]).certificate
    assert settled(a_room().revocations().lists(doctor)) == []


def test_an_answer_is_asked_for_once_a_certificate():
    room = a_room()
    room.network.pages[OCSP_URL] = ocsp_page(
        as_responder(responder(KeyAlgorithm.SM2)), lambda _: GOOD, NOW
    )
    revocations = room.revocations()
    doctor, other = person().certificate, person(serial_number=78).certificate
    for certificate in (doctor, doctor, other):
        (told,) = settled(revocations.answers(certificate, ROOT.certificate))
        assert told.basic.responses[0].status == GOOD
    assert room.network.asked == [OCSP_URL] * 2
    room.clock.at = Utc(NOW.posix_us + DAY_US)
    settled(revocations.answers(doctor, ROOT.certificate))
    assert len(room.network.asked) == 3


def test_a_responder_that_declines_says_nothing():
    room = a_room()
    room.network.pages[OCSP_URL] = lambda _: encode_error(ResponseStatus.TRY_LATER)
    assert settled(room.revocations().answers(person().certificate, ROOT.certificate)) == []


def test_entries_are_as_they_came():
    doctor = person().certificate
    listed = attrs.evolve(List(issuer=ROOT), entries=(revoked(doctor, after_stamping(0)),)).der()
    room = a_room()
    room.network.pages[CRL_URL] = lambda _: listed
    (crl,) = settled(room.revocations().lists(doctor))
    assert crl.find(doctor.serial_number_tlv) is not None
