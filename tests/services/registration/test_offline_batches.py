"""Off-line issuing: out in a ZIP, back by key, whatever the files are called."""

import io
import json
import zipfile

import pytest
from kit.registration import FakeSigner, csr, outcome, town

from appliance.asn1 import pem
from appliance.errors import Conflict, Refused
from appliance.pki.states import BatchState, RequestState
from appliance.services.certifying.messages import IssueAsk
from appliance.services.registration.offline import OfflineDesk
from appliance.services.registration.requests import OFFLINE, RequestDesk, Wish
from appliance.store.registry import batches, requests
from appliance.store.registry.requests import RequestFilter


@pytest.fixture
def place(tmp_path):
    """Give an office on a fresh registry."""
    return town(tmp_path)


class Process:
    """The desks of one process."""

    def __init__(self, place):
        office = place.office()
        self.requests = RequestDesk(office)
        self.offline = OfflineDesk(office, self.requests)


def take(place, count):
    """Take so many off-line requests in."""
    wishes = [
        Wish("elsewhere", "person", str(n), csr=csr(f"person {n}"), road=OFFLINE)
        for n in range(count)
    ]
    return outcome(Process(place).requests.take(wishes))


def sign_elsewhere(exported):
    """Sign every request of an exported ZIP with another CA; gives certificates in DER."""
    authority = FakeSigner()
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        rows = json.loads(archive.read("manifest.json"))["rows"]
        asks = [
            IssueAsk(bytes.fromhex(row["request"]), "other", "x", {}, archive.read(row["file"]))
            for row in rows
        ]
    return outcome(authority.issue(asks))


def states(place):
    counted = place.database.read(requests.count_by_state)
    return {state.value: count for state, count in counted.items()}


def test_six_hundred_requests_go_out_and_come_back(place):
    taken = take(place, 600)
    process = Process(place)
    batch, exported = outcome(process.offline.export("elsewhere"))
    assert (batch.state, batch.count) == (BatchState.EXPORTED, 600)
    assert states(place) == {"submitted": 600}
    certificates = sign_elsewhere(exported)
    certificates.sort(key=lambda each: each[-8:])
    text = b"".join(pem.write("CERTIFICATE", each) for each in certificates)
    report = outcome(process.offline.take_in("back.pem", text))
    assert {row.request_id for row in report} == {row.id for row in taken}
    assert [row.fault for row in report] == [""] * 600
    assert states(place) == {"issued": 600}
    after = place.database.read(lambda connection: batches.get(connection, batch.id))
    assert after.state is BatchState.IMPORTED


def test_a_part_comes_back_and_then_the_rest(place):
    take(place, 5)
    process = Process(place)
    batch, exported = outcome(process.offline.export("elsewhere"))
    certificates = sign_elsewhere(exported)
    for part, state in (
        (certificates[:2], BatchState.PARTIAL),
        (certificates, BatchState.IMPORTED),
    ):
        text = b"".join(pem.write("CERTIFICATE", each) for each in part)
        report = outcome(process.offline.take_in("part.pem", text))
        assert [row.fault for row in report] == [""] * len(part)
        after = place.database.read(lambda connection: batches.get(connection, batch.id))
        assert after.state is state
    assert states(place) == {"issued": 5}


def test_what_is_not_asked_or_no_certificate_is_told_row_by_row(place):
    take(place, 2)
    process = Process(place)
    _, exported = outcome(process.offline.export("elsewhere"))
    first, second = sign_elsewhere(exported)
    stranger = outcome(FakeSigner().issue([IssueAsk(bytes(16), "a", "b", {}, csr("stranger"))]))[0]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, octets in (
            ("1.cer", first),
            ("../../etc/passwd", stranger),
            ("noise", b"noise"),
            ("again.cer", first),
            ("2.pem", pem.write("CERTIFICATE", second)),
        ):
            archive.writestr(name, octets)
    report = outcome(process.offline.take_in("import.zip", buffer.getvalue()))
    assert [bool(row.fault) for row in report] == [False, True, True, True, False]
    assert "no request" in report[1].fault
    assert "came before" in report[3].fault
    assert states(place) == {"issued": 2}


def test_a_batch_whose_export_was_interrupted_is_given_out_first(place):
    take(place, 2)

    class Dead(FakeSigner):
        async def sign_manifest(self, manifest):
            raise KeyboardInterrupt

    place.signer, alive = Dead(), place.signer
    with pytest.raises(KeyboardInterrupt):
        outcome(Process(place).offline.export("elsewhere"))
    place.signer = alive
    take(place, 3)
    process = Process(place)
    first, _ = outcome(process.offline.export("elsewhere"))
    second, _ = outcome(process.offline.export("elsewhere"))
    assert (first.count, second.count) == (2, 3)
    with pytest.raises(Refused):
        outcome(process.offline.export("elsewhere"))


def test_a_batch_is_given_out_as_often_as_it_is_wanted(place):
    take(place, 2)
    process = Process(place)
    batch, exported = outcome(process.offline.export("elsewhere"))
    place.posix_us += 1_000_000
    assert outcome(process.offline.export_again(batch.id))[1] == exported


def test_an_off_line_request_is_not_cancelled_once_it_is_out(place):
    (row,) = take(place, 1)
    process = Process(place)
    outcome(process.offline.export("elsewhere"))
    with pytest.raises(Conflict):
        outcome(process.requests.cancel(row.id))
    assert (
        place.database.read(lambda connection: requests.find(connection, RequestFilter(), limit=9))[
            0
        ].state
        is RequestState.SUBMITTED
    )
