"""The journal is the truth: whatever becomes of its index, the next start has all of it."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from kit.certifying import (
    Home,
    ask,
    certificate_of,
    csr_of,
    person_key,
    revocation,
    serial_of,
)
from kit.ledgers import verify_head

from appliance.errors import Unavailable
from appliance.services.certifying.journal import IssuedRow, Kind, _apply, read_row
from appliance.store.issued import IssuedIndex
from appliance.store.ledger.check import check_ledger

TABLES = ("applied", "certificates", "templates", "custodians", "chains", "lists")


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)
            for table in TABLES
        }


def lived(home: Home) -> Home:
    """A journal with a row of every kind that a manager can bring about."""
    certifier = home.open()
    certificates = [
        certificate_of(certifier.issue([ask(number, csr=csr_of(person_key(number)))]))
        for number in range(1, 6)
    ]
    certifier.revoke(revocation(certificates[0], 1))
    certifier.revoke(revocation(certificates[1], 6))
    certifier.revoke(revocation(certificates[2], 6))
    certifier.revoke(revocation(certificates[2], 8))
    certifier.add_template(TEMPLATE)
    certifier.publish_list("issuing-sm2", is_delta=False)
    certifier.rest()
    certifier.close()
    return home


TEMPLATE = b"""
name = "visitor"
kind = "person"
algorithms = ["sm2"]
subject = [{attribute = "CN", value = "{name}"}]
key_usage = ["digitalSignature"]
validity_days = 3
"""


def rows_of(home: Home) -> list[object]:
    journal = home.journal()
    rows = [(row.seq, row.kind, read_row(row)) for row in journal._ledger.rows()]
    journal.close()
    return rows


def test_an_index_cut_off_at_any_row_is_whole_at_the_next_start(home: Home, tmp_path: Path) -> None:
    lived(home)
    whole = contents(home.index_path)
    journal = home.journal()
    rows = list(journal._ledger.rows())
    journal.close()
    for kept in range(len(rows) + 1):
        home.index_path.unlink()
        _index_of_first(home, kept)
        home.journal().close()
        assert contents(home.index_path) == whole, f"cut off after row {kept}"


def _index_of_first(home: Home, kept: int) -> None:
    """Make the index as a signer left it that was killed after row `kept`."""
    journal = home.journal()
    rows = list(journal._ledger.rows())[:kept]
    with journal.index.applying():
        journal.index.clear()
        for row in rows:
            _apply(journal.index, row)
            journal.index.mark(row.seq, row.chain)
    journal.close()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"no database" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: sqlite3.connect(path).execute("PRAGMA user_version = 99"),
        lambda path: sqlite3.connect(path, isolation_level=None).execute(
            "UPDATE applied SET seq = 999"
        ),
        lambda path: sqlite3.connect(path, isolation_level=None).execute(
            "UPDATE applied SET chain = zeroblob(32)"
        ),
    ],
    ids=["lost", "no-database", "torn", "another-version", "ahead", "of-another-journal"],
)
def test_a_spoilt_index_is_made_anew(home: Home, spoil: Callable[[Path], object]) -> None:
    whole = contents(lived(home).index_path)
    spoil(home.index_path)
    home.journal().close()
    assert contents(home.index_path) == whole


def test_a_wish_is_answered_the_same_after_the_index_was_lost(home: Home) -> None:
    certifier = home.open()
    (first,) = certifier.issue([ask()])
    certifier.close()
    home.index_path.unlink()
    certifier = home.open()
    assert certifier.issue([ask()]) == [first]
    certifier.close()


def test_an_index_that_fails_after_the_journal_loses_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    certifier = home.open()
    index = certifier._journal.index

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(index, "add", fail)
        with pytest.raises(Unavailable):
            certifier.issue([ask()])
    (certificate,) = certifier.issue([ask()])
    certifier.close()
    issued = [row for _, _, row in rows_of(home) if isinstance(row, IssuedRow)]
    assert [row.der for row in issued if row.template == "person"] == [certificate]


def test_the_journal_is_a_ledger_that_proves_itself(home: Home) -> None:
    lived(home)
    verdict = check_ledger(home.folder("journal"), verify_head=verify_head)
    assert verdict.first_bad is None
    assert verdict.headed_seq == verdict.rows > 0
    kinds = {kind for _, kind, _ in rows_of(home)}
    assert kinds == {
        Kind.START,
        Kind.AUTHORITY,
        Kind.ISSUED,
        Kind.CHANGED,
        Kind.TEMPLATE,
        Kind.LIST,
    }


def test_templates_outlive_a_start(home: Home) -> None:
    lived(home)
    certifier = home.open()
    assert "visitor" in certifier.templates()
    certificate = certificate_of(
        certifier.issue([ask(99, template="visitor", csr=csr_of(person_key(99)))])
    )
    assert str(certificate.subject) == "CN=Ann Li"
    certifier.close()


def test_serial_numbers_never_repeat_over_starts(home: Home) -> None:
    serials = set()
    for start in range(3):
        certifier = home.open()
        for number in range(3):
            key = person_key(number + 1)
            wish = ask(10 * start + number, csr=csr_of(key))
            serials.add(serial_of(certificate_of(certifier.issue([wish]))))
        certifier.close()
    assert len(serials) == 9


def test_an_index_opens_beside_its_writer(home: Home) -> None:
    certifier = home.open()
    certificate = certificate_of(certifier.issue([ask()]))
    reader = IssuedIndex.open(home.index_path)
    found = reader.find("issuing-sm2", serial_of(certificate))
    assert found is not None
    assert found.der == certificate.der
    reader.close()
    certifier.close()
