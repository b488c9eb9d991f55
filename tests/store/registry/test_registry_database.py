"""Transactions of the registry: alone as it seems, tried again, told in the words of the box."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from kit.registry import HandedCalls, certificate, request_row, row_id
from sqlalchemy import create_engine, event, func, select, text, update

from appliance.errors import Conflict, Fault, NotFound, Unavailable
from appliance.store.registry import certificates, requests
from appliance.store.registry.database import (
    ATTEMPTS,
    Database,
    open_database,
    open_registry,
)
from appliance.store.registry.tables import accounts
from appliance.store.registry.tables import certificates as table


def keep(number):
    return lambda connection: certificates.insert(connection, [certificate(number)])


def count(connection):
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def lengthen(connection):
    """Read, think, write: what is lost when another does the same between."""
    row = certificates.get(connection, row_id(1))
    values = {"not_after_us": row.not_after_us + 1}
    connection.execute(update(table).where(table.c.id == row.id).values(values))


@pytest.fixture
def registry(registry_url):
    calls = HandedCalls()
    opened = open_registry(registry_url, calls)
    opened.start()
    yield opened, calls
    opened.close()


def test_what_raises_leaves_nothing_behind(database):
    def work(connection):
        keep(1)(connection)
        raise NotFound("changed my mind")

    with pytest.raises(NotFound, match="changed my mind"):
        database.run(work)
    assert database.read(count) == 0


def test_reader_cannot_write_and_a_writer_after_it_can(database):
    with pytest.raises(Fault):
        database.read(keep(1))
    database.run(keep(1))
    assert database.read(count) == 1


def test_reader_sees_one_moment_while_another_writes(database):
    def work(connection):
        before = count(connection)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(database.run, keep(1)).result()
        return before, count(connection)

    assert database.read(work) == (0, 0)
    assert database.read(count) == 1


def test_changes_of_many_at_once_are_not_lost(database):
    database.run(keep(1))
    start = database.read(lambda c: certificates.get(c, row_id(1))).not_after_us
    patient = Database(database.engine)

    def often():
        done = 0
        while done < 10:
            try:
                patient.run(lengthen)
            except Unavailable:
                continue
            done += 1

    with ThreadPoolExecutor(4) as pool:
        for outcome in [pool.submit(often) for _ in range(4)]:
            outcome.result()
    assert database.read(lambda c: certificates.get(c, row_id(1))).not_after_us == start + 40


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_transaction_that_met_another_is_done_anew(database):
    database.run(keep(1))
    start = database.read(lambda c: certificates.get(c, row_id(1))).not_after_us
    seen = []

    def work(connection):
        seen.append(certificates.get(connection, row_id(1)).not_after_us)
        if len(seen) == 1:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(database.run, lengthen).result()
        lengthen(connection)

    database.run(work)
    assert seen == [start, start + 1]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_transaction_that_always_meets_another_is_given_up(database):
    database.run(keep(1))
    pauses = []
    patient = Database(database.engine, pauses.append)

    def work(connection):
        certificates.get(connection, row_id(1))
        with ThreadPoolExecutor(1) as pool:
            pool.submit(database.run, lengthen).result()
        lengthen(connection)

    with pytest.raises(Unavailable):
        patient.run(work)
    assert len(pauses) == ATTEMPTS - 1
    assert pauses == sorted(pauses)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_writer_that_finds_another_writing_gives_up_in_the_end(database, registry_url):
    other = open_database(registry_url)
    event.listen(other.engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 1"))
    pauses = []
    patient = Database(other.engine, pauses.append)

    def work(connection):
        with pytest.raises(Unavailable):
            patient.run(keep(1))

    database.run(work)
    assert len(pauses) == ATTEMPTS - 1
    patient.run(keep(1))
    other.close()


def test_contradiction_is_a_conflict_that_does_not_tell_values(database):
    database.run(keep(1))
    with pytest.raises(Conflict) as caught:
        database.run(keep(1))
    assert row_id(1) not in str(caught.value)
    assert certificate(1).serial_number not in str(caught.value)


def test_missing_value_is_our_own_fault(database):
    with pytest.raises(Fault):
        database.run(lambda c: c.execute(accounts.insert().values(id=row_id(1), name="x")))


def test_statement_that_is_wrong_is_our_own_fault(database):
    with pytest.raises(Fault):
        database.read(lambda c: c.execute(text("SELECT nothing FROM nowhere")))


def test_statement_that_cannot_be_made_is_our_own_fault(database):
    with pytest.raises(Fault):
        database.run(lambda c: c.execute(accounts.insert().values(id=row_id(1), nothing=1)))


def test_reader_that_gets_no_connection_is_unavailable(database):
    narrow = create_engine(database.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.01)
    with narrow.connect(), pytest.raises(Unavailable):
        Database(narrow).run(count)
    narrow.dispose()


def test_text_that_was_never_written_by_us_is_a_fault(database):
    database.run(keep(1))
    database.run(lambda c: requests.insert(c, [request_row(1)]))
    database.run(lambda c: c.execute(text("UPDATE certificates SET state = 'odd'")))
    database.run(lambda c: c.execute(text("UPDATE requests SET fields = '{'")))
    with pytest.raises(Fault, match="unknown state"):
        database.read(lambda c: certificates.get(c, row_id(1)))
    with pytest.raises(Fault, match="not JSON"):
        database.read(lambda c: requests.get(c, row_id(1)))


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all.sqlite", "postgresql+psycopg://shiyin@/x?host=/nowhere"]
)
def test_database_that_is_not_there_is_unavailable(url):
    database = open_database(url)
    with pytest.raises(Unavailable):
        database.read(count)
    database.close()


def test_file_that_is_no_database_is_a_fault(tmp_path):
    (tmp_path / "registry.sqlite").write_bytes(b"not a database" * 1000)
    database = open_database(f"sqlite:///{tmp_path}/registry.sqlite")
    with pytest.raises(Fault):
        database.read(count)
    database.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_full_disk_is_unavailable_and_loses_nothing(database):
    database.run(keep(1))

    def work(connection):
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
        certificates.insert(connection, [certificate(at, der=bytes(4096)) for at in range(2, 99)])

    with pytest.raises(Unavailable):
        database.run(work)
    assert database.read(count) == 1


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_server_that_ended_our_connections_is_asked_on_new_ones(database):
    database.run(keep(1))
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    helper = open_database(database.engine.url.render_as_string(hide_password=False))
    helper.run(lambda c: c.execute(others))
    helper.close()
    assert database.read(count) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_sqlite_is_durable_and_keeps_references(database):
    def settings(connection):
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]

    assert database.read(settings) == ["wal", 2, 1]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_postgresql_is_serializable(database):
    shown = text("SHOW transaction_isolation")
    assert database.run(lambda c: c.execute(shown).scalar()) == "serializable"
    assert database.read(lambda c: c.execute(shown).scalar()) == "serializable"


def test_work_is_done_in_another_thread_and_answers_in_ours(registry):
    opened, calls = registry
    assert calls.wait(opened.run(lambda _: threading.get_ident())) != threading.get_ident()
    calls.wait(opened.run(keep(1)))
    assert calls.wait(opened.read(count)) == 1


def test_failure_of_work_arrives_as_its_own_error(registry):
    opened, calls = registry
    with pytest.raises(NotFound):
        calls.wait(opened.read(lambda c: certificates.get(c, row_id(1))))
    with pytest.raises(Fault):
        calls.wait(opened.read(keep(1)))


def test_closing_lets_what_is_under_way_end(registry):
    opened, calls = registry
    under_way = threading.Event()
    may_end = threading.Event()

    def work(connection):
        under_way.set()
        may_end.wait()
        keep(1)(connection)
        return "kept"

    outcome = opened.run(work)
    under_way.wait()
    may_end.set()
    opened.close()
    assert calls.wait(outcome) == "kept"


def test_closed_registry_is_unavailable(registry):
    opened, calls = registry
    opened.close()
    with pytest.raises(Unavailable, match="closed"):
        calls.wait(opened.read(count))
