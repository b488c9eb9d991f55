"""Bulk renewal: none twice, none lost, whenever the process is killed."""

import csv

import pytest
from kit.registration import Killed, csr, outcome, town
from twisted.internet.defer import succeed

from appliance.asn1.status.crl import CrlReason
from appliance.errors import Conflict, Refused
from appliance.pki.states import CertificateState, JobEvent, JobState
from appliance.quantities import SECONDS_PER_DAY, US_PER_S
from appliance.services.registration.certificates import CertificateDesk
from appliance.services.registration.renewing import RenewalDesk
from appliance.services.registration.requests import REKEY, RequestDesk, Wish
from appliance.store.registry import certificates, jobs

DAY_US = SECONDS_PER_DAY * US_PER_S


@pytest.fixture
def place(tmp_path):
    """Give an office on a fresh registry."""
    return town(tmp_path)


class Process:
    """The desks of one process; a kill leaves the registry and the signer."""

    def __init__(self, place, pause=lambda _: succeed(None)):
        office = place.office()
        self.requests = RequestDesk(office)
        self.certificates = CertificateDesk(office)
        self.renewals = RenewalDesk(office, self.requests, pause)


def issue(place, count):
    """Issue so many certificates of a year, and let all but 10 days of it pass."""
    request = csr()
    wishes = [Wish("issuing-p256", "person", str(n), csr=request) for n in range(count)]
    rows = outcome(Process(place).requests.take(wishes))
    place.posix_us += 355 * DAY_US
    return [row.certificate_id for row in rows]


def states(place):
    counted = place.database.read(certificates.count_by_state)
    return {state.value: count for state, count in counted.items()}


def test_a_sweep_marks_what_is_due_and_what_is_over(place):
    issue(place, 3)
    process = Process(place)
    assert outcome(process.certificates.sweep()).due == 3
    assert states(place) == {"expiring": 3}
    place.posix_us += 20 * DAY_US
    assert outcome(process.certificates.sweep()).lapsed == 3
    assert states(place) == {"expired": 3}


def test_a_job_renews_all_that_is_due_and_reports_it(place):
    issue(place, 150)
    process = Process(place)
    job = outcome(process.renewals.open("ada"))
    outcome(process.renewals.work())
    done = place.database.read(lambda connection: jobs.get(connection, job.id))
    assert (done.state, done.total, done.done, done.failed) == (JobState.DONE, 150, 150, 0)
    assert states(place) == {"valid": 150, "renewed": 150}
    report = list(csv.DictReader(outcome(process.renewals.report(job.id)).decode().splitlines()))
    assert len(report) == 150
    assert all(row["state"] == "done" and row["new serial"] for row in report)
    with pytest.raises(Refused, match="due"):
        outcome(process.renewals.open("ada"))


@pytest.mark.parametrize("dies_after", [1, 100, 128, 129, 200, 256, 300])
def test_a_job_killed_anywhere_goes_on_without_losing_or_doubling_any(place, dies_after):
    issue(place, 300)
    process = Process(place)
    job = outcome(process.renewals.open("ada"))
    place.signer.dies_after = dies_after
    with pytest.raises(Killed):
        outcome(process.renewals.work())
    place.signer.dies_after = None
    again = Process(place)
    assert outcome(again.renewals.recover()) == [job.id]
    outcome(again.requests.resume())
    outcome(again.renewals.work())
    done = place.database.read(lambda connection: jobs.get(connection, job.id))
    assert (done.state, done.done, done.failed) == (JobState.DONE, 300, 0)
    assert states(place) == {"valid": 300, "renewed": 300}
    assert len(place.signer.issued) == 600


def test_a_job_waits_for_a_signer_that_is_away(place):
    issue(place, 2)
    waited = []

    def pause(seconds):
        waited.append(seconds)
        place.signer.is_away = len(waited) < 3
        return succeed(None)

    place.signer.is_away = True
    process = Process(place, pause)
    outcome(process.renewals.open("ada"))
    outcome(process.renewals.work())
    assert len(waited) == 3
    assert states(place) == {"valid": 2, "renewed": 2}


def test_what_was_revoked_meanwhile_is_reported_and_the_others_are_renewed(place):
    first, _ = issue(place, 2)
    process = Process(place)
    job = outcome(process.renewals.open("ada"))
    outcome(process.certificates.revoke(first, CrlReason.KEY_COMPROMISE))
    outcome(process.renewals.work())
    done = place.database.read(lambda connection: jobs.get(connection, job.id))
    assert (done.state, done.done, done.failed) == (JobState.DONE, 1, 1)
    assert states(place) == {"valid": 1, "renewed": 1, "revoked": 1}


def test_a_job_of_new_keys_waits_for_them(place):
    issue(place, 2)
    process = Process(place)
    outcome(process.renewals.open("ada", kind=REKEY))
    outcome(process.renewals.work())
    assert states(place) == {"valid": 2}


def test_a_paused_job_goes_on_when_it_is_resumed(place):
    issue(place, 2)
    process = Process(place)
    job = outcome(process.renewals.open("ada"))
    outcome(process.renewals.step(job.id, JobEvent.PAUSED))
    outcome(process.renewals.work())
    assert states(place) == {"valid": 2}
    outcome(process.renewals.step(job.id, JobEvent.RESUMED))
    outcome(process.renewals.work())
    assert states(place) == {"valid": 2, "renewed": 2}


def test_a_certificate_out_of_use_is_not_put_into_a_job(place):
    first, _ = issue(place, 2)
    process = Process(place)
    outcome(process.certificates.revoke(first, CrlReason.SUPERSEDED))
    with pytest.raises(Conflict, match="revoked"):
        outcome(process.renewals.open("ada", chosen=[first]))


def test_a_hold_is_taken_off_and_a_revocation_is_for_ever(place):
    first, _ = issue(place, 2)
    desk = Process(place).certificates
    assert outcome(desk.revoke(first, CrlReason.CERTIFICATE_HOLD)).state is CertificateState.ON_HOLD
    released = outcome(desk.revoke(first, CrlReason.REMOVE_FROM_CRL))
    assert (released.state, released.revoked_us) == (CertificateState.VALID, None)
    outcome(desk.revoke(first, CrlReason.KEY_COMPROMISE))
    with pytest.raises(Conflict):
        outcome(desk.revoke(first, CrlReason.REMOVE_FROM_CRL))
    assert [reason for _, _, reason in place.signer.revoked] == [6, 8, 1]
