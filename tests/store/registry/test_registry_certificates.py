"""Certificates in the registry: lists, lawful steps, sweeps."""

from functools import partial

import pytest
from kit.registry import DAY_US, certificate, row_id

from appliance.errors import Conflict, NotFound
from appliance.pki.states import CertificateEvent as E
from appliance.pki.states import CertificateState as S
from appliance.store.registry import certificates
from appliance.store.registry.certificates import CertificateFilter, Swept
from appliance.store.registry.rows import Cursor


def keep(database, *rows):
    database.run(lambda connection: certificates.insert(connection, rows))


def test_certificate_comes_back_as_it_was_put(database):
    successor = certificate(1, device="手机", der=bytes(range(256)))
    row = certificate(2, state=S.REVOKED, renewed_by=row_id(1), reason=4, revoked_us=77)
    keep(database, successor)
    keep(database, row)
    assert database.read(partial(certificates.get, certificate_id=row_id(1))) == successor
    assert database.read(partial(certificates.get, certificate_id=row_id(2))) == row
    found = database.read(lambda c: certificates.get_by_serial(c, row.authority, row.serial_number))
    assert found == row


def test_serial_of_an_authority_is_kept_once(database):
    keep(database, certificate(1), certificate(2, authority="other", serial_number=f"{1:028x}"))
    with pytest.raises(Conflict):
        keep(database, certificate(3), certificate(4, serial_number=f"{1:028x}"))
    with pytest.raises(NotFound):
        database.read(lambda c: certificates.get(c, row_id(3)))
    with pytest.raises(NotFound):
        database.read(lambda c: certificates.get_by_serial(c, "third", f"{1:028x}"))


def test_list_is_walked_newest_first_without_gap_or_repetition(database):
    rows = [certificate(number, created_us=number // 3) for number in range(25)]
    keep(database, *rows)
    seen, after = [], None
    while found := database.read(
        lambda c, after=after: certificates.find(c, CertificateFilter(), after=after, limit=4)
    ):
        seen += found
        after = Cursor(found[-1].created_us, found[-1].id)
        keep(database, certificate(1000 + len(seen), created_us=99))
    assert seen == rows[::-1]


def test_filter_asks_for_all_of_what_it_names(database):
    rows = (
        certificate(1, owner_uid="a", state=S.VALID),
        certificate(2, owner_uid="a", state=S.ON_HOLD, template="device", device="d"),
        certificate(3, owner_uid="a", state=S.REVOKED),
        certificate(4, owner_uid="b", state=S.VALID, authority="other"),
    )
    keep(database, *rows)

    def found(**wanted):
        return {
            int(row.id, 16)
            for row in database.read(lambda c: certificates.find(c, CertificateFilter(**wanted)))
        }

    assert found(owner_uid="a") == {1, 2, 3}
    assert found(owner_uid="a", states=(S.VALID, S.ON_HOLD)) == {1, 2}
    assert found(states=(S.VALID,)) == {1, 4}
    assert found(template="device", device="d") == {2}
    assert found(authority="other") == {4}
    assert found(spki_sm3=rows[2].spki_sm3) == {3}
    assert found(owner_uid="c") == set()


def test_step_is_made_once_from_the_state_that_was_seen(database):
    keep(database, certificate(1))

    def revoke(connection):
        return certificates.move(
            connection, row_id(1), (S.VALID, E.REVOKED), reason=1, revoked_us=5
        )

    assert database.run(revoke) is S.REVOKED
    found = database.read(partial(certificates.get, certificate_id=row_id(1)))
    assert (found.state, found.reason, found.revoked_us) == (S.REVOKED, 1, 5)
    with pytest.raises(Conflict, match="REVOKED and not VALID"):
        database.run(revoke)
    with pytest.raises(Conflict, match="RELEASED"):
        database.run(lambda c: certificates.move(c, row_id(1), (S.REVOKED, E.RELEASED)))
    with pytest.raises(NotFound):
        database.run(lambda c: certificates.move(c, row_id(2), (S.VALID, E.HELD)))


def test_renewal_leads_from_the_old_certificate_to_the_new(database):
    keep(database, certificate(1), certificate(2))

    def renew(connection):
        step = (S.VALID, E.REPLACED)
        return certificates.move(connection, row_id(1), step, renewed_by=row_id(2))

    assert database.run(renew) is S.RENEWED
    assert database.read(lambda c: certificates.get(c, row_id(1))).renewed_by == row_id(2)
    with pytest.raises(Conflict):
        database.run(
            lambda c: certificates.move(c, row_id(2), (S.VALID, E.REPLACED), renewed_by=row_id(3))
        )


def test_sweep_moves_what_is_due_and_what_is_over_and_nothing_else(database):
    states = (S.VALID, S.EXPIRING, S.ON_HOLD, S.RENEWED, S.REVOKED, S.PENDING, S.EXPIRED)
    ends = {"over": 10 * DAY_US, "due": 20 * DAY_US, "far": 90 * DAY_US}
    rows = [
        certificate(10 * at + number, state=state, not_after_us=end)
        for at, end in enumerate(ends.values())
        for number, state in enumerate(states)
    ]
    keep(database, *rows)
    lapsed = database.run(lambda c: certificates.sweep(c, E.LAPSED, 15 * DAY_US))
    due = database.run(lambda c: certificates.sweep(c, E.DUE, 45 * DAY_US))
    assert {(int(each.id, 16), each.old) for each in lapsed} == {
        (number, state)
        for number, state in enumerate(states)
        if state not in {S.REVOKED, S.EXPIRED}
    }
    (only,) = due
    assert only == Swept(row_id(10), "issuing", f"{10:028x}", S.VALID, S.EXPIRING)
    assert database.run(lambda c: certificates.sweep(c, E.DUE, 45 * DAY_US)) == []
    assert database.read(certificates.count_by_state) == {
        S.VALID: 1,
        S.EXPIRING: 3,
        S.ON_HOLD: 2,
        S.RENEWED: 2,
        S.REVOKED: 3,
        S.PENDING: 2,
        S.EXPIRED: 8,
    }


def test_sweep_takes_the_earliest_ends_first_in_portions(database):
    keep(database, *(certificate(number, not_after_us=100 - number) for number in range(10)))
    portions = []
    while swept := database.run(lambda c: certificates.sweep(c, E.DUE, 95, limit=2)):
        portions.append({int(each.id, 16) for each in swept})
    assert portions == [{8, 9}, {6, 7}]


def test_due_certificates_come_by_their_end_in_pages(database):
    rows = [certificate(number, not_after_us=100 - number // 2) for number in range(8)]
    keep(database, *rows, certificate(50, not_after_us=1, state=S.RENEWED))
    keep(database, certificate(51, not_after_us=1, authority="other", state=S.EXPIRING))
    seen, after = [], None
    while found := database.read(
        lambda c, after=after: certificates.find_due(
            c, 100, authority="issuing", after=after, limit=2
        )
    ):
        seen += [int(row.id, 16) for row in found]
        after = (found[-1].not_after_us, found[-1].id)
    assert seen == [6, 7, 4, 5, 2, 3]
    assert int(database.read(lambda c: certificates.find_due(c, 100))[0].id, 16) == 51
