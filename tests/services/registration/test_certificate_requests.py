"""Requests go out once, whatever happens on the way."""

import pytest
from kit.registration import Killed, csr, outcome, town

from appliance.errors import Conflict, Malformed, NotFound
from appliance.pki.states import CertificateState, RequestState
from appliance.services.certifying.messages import IssueRefusal
from appliance.services.registration.requests import REKEY, RENEW, RequestDesk, Wish
from appliance.store.registry import certificates
from appliance.store.registry.certificates import CertificateFilter


@pytest.fixture
def place(tmp_path):
    """Give an office on a fresh registry."""
    return town(tmp_path)


def wish(uid: str = "7", **changes: object) -> Wish:
    """Wish for a certificate of a person."""
    return Wish("issuing-p256", "person", uid, csr=changes.pop("csr", csr(uid)), **changes)


def all_certificates(place):
    return place.database.read(
        lambda connection: certificates.find(connection, CertificateFilter(), limit=500)
    )


def test_a_wish_with_a_key_is_issued_and_kept(place):
    desk = RequestDesk(place.office())
    (row,) = outcome(desk.take([wish("7", fields={"name": "Li"})]))
    assert row.state is RequestState.ISSUED
    assert row.fields == {"name": "Li", "uid": "7"}
    (kept,) = all_certificates(place)
    assert (kept.id, kept.owner_uid, kept.subject) == (row.certificate_id, "7", "CN=7")
    assert kept.der == place.signer.issued[bytes.fromhex(row.id)]


def test_a_wish_without_a_key_waits_for_one(place):
    desk = RequestDesk(place.office())
    (row,) = outcome(desk.take([wish(csr=None)]))
    assert row.state is RequestState.CSR_PENDING
    done = outcome(desk.supply_csr(row.id, csr()))
    assert done.state is RequestState.ISSUED
    with pytest.raises(Conflict):
        outcome(desk.supply_csr(row.id, csr()))


def test_a_request_that_waits_can_be_cancelled_and_one_issued_cannot(place):
    desk = RequestDesk(place.office())
    waiting, done = outcome(desk.take([wish(csr=None), wish("8")]))
    assert outcome(desk.cancel(waiting.id)).state is RequestState.CANCELLED
    with pytest.raises(Conflict):
        outcome(desk.cancel(done.id))


def test_what_the_signer_refuses_is_told_and_over(place):
    place.signer.refusal = IssueRefusal("Refused", "the template allows no such name")
    desk = RequestDesk(place.office())
    (row,) = outcome(desk.take([wish()]))
    assert (row.state, row.reason) == (RequestState.REFUSED, "the template allows no such name")
    assert all_certificates(place) == []


def test_a_fault_of_the_signer_can_be_tried_again(place):
    place.signer.refusal = IssueRefusal("Unavailable", "the journal is full")
    (row,) = outcome(RequestDesk(place.office()).take([wish()]))
    assert row.state is RequestState.FAILED


def test_requests_wait_while_the_signer_is_away(place):
    place.signer.is_away = True
    desk = RequestDesk(place.office())
    rows = outcome(desk.take([wish("1"), wish("2")]))
    assert {row.state for row in rows} == {RequestState.SUBMITTED}
    assert outcome(desk.resume()) == 2
    assert all_certificates(place) == []
    place.signer.is_away = False
    assert outcome(desk.resume()) == 2
    assert len(all_certificates(place)) == 2
    assert outcome(desk.resume()) == 0


@pytest.mark.parametrize("dies_after", [1, 3, 5])
def test_a_process_killed_amid_a_batch_issues_nothing_twice(place, dies_after):
    place.signer.dies_after = dies_after
    with pytest.raises(Killed):
        outcome(RequestDesk(place.office()).take([wish(str(n)) for n in range(5)]))
    assert len(place.signer.issued) == dies_after
    place.signer.dies_after = None
    assert outcome(RequestDesk(place.office()).resume()) == 5
    kept = all_certificates(place)
    assert sorted(row.owner_uid for row in kept) == list("01234")
    assert {row.der for row in kept} == set(place.signer.issued.values())


def test_the_same_wish_twice_is_one_request(place):
    desk = RequestDesk(place.office())
    named = wish(id="ab" * 16)
    first, second = (outcome(desk.take([named]))[0] for _ in range(2))
    assert first == second
    assert len(place.signer.issued) == 1


def test_a_renewal_takes_the_place_of_the_old_certificate(place):
    desk = RequestDesk(place.office())
    (old,) = outcome(desk.take([wish()]))
    (new,) = outcome(desk.take([wish(csr=None, kind=RENEW, renews=old.certificate_id)]))
    found = {row.id: row for row in all_certificates(place)}
    assert found[old.certificate_id].state is CertificateState.RENEWED
    assert found[old.certificate_id].renewed_by == new.certificate_id
    assert found[new.certificate_id].spki_sm3 == found[old.certificate_id].spki_sm3
    with pytest.raises(Conflict, match="renewed"):
        outcome(desk.take([wish(csr=None, kind=RENEW, renews=old.certificate_id)]))


@pytest.mark.parametrize("kind", [RENEW, REKEY])
def test_a_successor_has_the_fields_of_the_old_certificate_again_and_again(place, kind):
    desk = RequestDesk(place.office())
    (old,) = outcome(desk.take([wish(fields={"name": "Li", "department": "Lab"})]))
    for _ in range(2):
        key = None if kind == RENEW else csr()
        (new,) = outcome(desk.take([wish(csr=key, kind=kind, renews=old.certificate_id)]))
        assert new.state is RequestState.ISSUED
        assert new.fields == {"name": "Li", "department": "Lab", "uid": old.owner_uid}
        old = new


def test_a_rekey_waits_for_the_new_key(place):
    desk = RequestDesk(place.office())
    (old,) = outcome(desk.take([wish()]))
    (row,) = outcome(desk.take([wish(csr=None, kind=REKEY, renews=old.certificate_id)]))
    assert row.state is RequestState.CSR_PENDING
    done = outcome(desk.supply_csr(row.id, csr("other")))
    found = {each.id: each for each in all_certificates(place)}
    assert found[old.certificate_id].renewed_by == done.certificate_id
    assert found[done.certificate_id].spki_sm3 != found[old.certificate_id].spki_sm3


def test_a_renewal_of_nothing_is_refused(place):
    desk = RequestDesk(place.office())
    with pytest.raises(Malformed):
        outcome(desk.take([wish(csr=None, kind=RENEW)]))
    with pytest.raises(NotFound):
        outcome(desk.take([wish(csr=None, kind=RENEW, renews="00" * 16)]))


def test_a_request_that_two_send_on_is_settled_once(place):
    place.signer.is_away = True
    desk = RequestDesk(place.office())
    rows = outcome(desk.take([wish("1"), wish("2")]))
    place.signer.is_away = False
    assert outcome(desk.resume()) == 2
    again = outcome(desk.send(rows))
    assert {row.state for row in again} == {RequestState.ISSUED}
    assert len(all_certificates(place)) == 2
