"""The schema through time: upgrades keep the data, a copy comes first, a newer one is refused."""

import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from kit.registry import certificate, no_backup, row_id
from sqlalchemy import inspect, text

from appliance.errors import Fault, Refused
from appliance.quantities import Utc
from appliance.store.registry import certificates
from appliance.store.registry.backup import back_up_sqlite
from appliance.store.registry.certificates import CertificateFilter
from appliance.store.registry.database import open_database
from appliance.store.registry.migrations.upgrading import SCRIPTS, Upgrade, migrate, revision_of
from appliance.store.registry.tables import metadata

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "0002"


def upgrade():
    op.create_table("seals", sa.Column("id", sa.String(32), primary_key=True))
    op.add_column("certificates", sa.Column("note", sa.Text))
    op.execute(sa.text("UPDATE certificates SET note = 'kept'"))
"""


@pytest.fixture
def newer_scripts(tmp_path):
    """The migrations of a program that has one revision more."""
    folder = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "r_next.py").write_text(NEXT)
    return folder


@pytest.fixture
def older_scripts(tmp_path):
    """The migrations of the program that had no co-signing."""
    folder = tmp_path / "older"
    unknown = shutil.ignore_patterns("__pycache__", "r0002_*")
    shutil.copytree(SCRIPTS, folder, ignore=unknown)
    return folder


def keep(database, *rows):
    database.run(lambda connection: certificates.insert(connection, rows))


def tables_of(database):
    return set(database.read(lambda connection: inspect(connection).get_table_names()))


def test_migrated_registry_has_the_tables_of_the_code(database):
    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return compare_metadata(context, metadata)

    assert database.read(differences) == []
    assert tables_of(database) == {*metadata.tables, "alembic_version"}


def test_empty_database_becomes_a_registry_once_and_without_backup(empty_url):
    database = open_database(empty_url)
    newest = migrate(database, no_backup).new
    assert migrate(database, no_backup) == Upgrade(newest, newest)
    assert database.read(revision_of) == newest
    database.close()


def test_registry_of_before_co_signing_keeps_its_data(empty_url, older_scripts):
    database = open_database(empty_url)
    assert migrate(database, no_backup, older_scripts).new == "0001"
    assert "tasks" not in tables_of(database)
    keep(database, certificate(1))
    backups = []
    assert migrate(database, lambda: backups.append(1)) == Upgrade("0001", "0002")
    assert backups == [1]
    assert tables_of(database) == {*metadata.tables, "alembic_version"}
    assert database.read(lambda c: certificates.get(c, row_id(1))) == certificate(1)
    database.close()


def test_upgrade_keeps_the_data_after_a_backup_of_it(database, newer_scripts):
    keep(database, certificate(1))
    seen = []
    upgrade = migrate(database, lambda: seen.append(tables_of(database)), newer_scripts)
    assert upgrade == Upgrade("0002", "next")
    assert seen == [{*metadata.tables, "alembic_version"}]
    notes = text("SELECT id, note FROM certificates")
    assert database.read(lambda c: list(c.execute(notes))) == [(row_id(1), "kept")]


def test_schema_newer_than_the_program_is_refused_and_left_alone(database, newer_scripts):
    migrate(database, lambda: None, newer_scripts)
    with pytest.raises(Refused, match="schema next, newer than 0002"):
        migrate(database, no_backup)
    assert database.read(revision_of) == "next"


def test_upgrade_that_breaks_changes_nothing(database, newer_scripts):
    keep(database, certificate(1))
    script = newer_scripts / "versions" / "r_next.py"
    script.write_text(NEXT + '    op.execute(sa.text("UPDATE nowhere SET note = 1"))\n')
    with pytest.raises(Fault):
        migrate(database, lambda: None, newer_scripts)
    assert database.read(revision_of) == "0002"
    assert "seals" not in tables_of(database)
    assert database.read(lambda c: certificates.get(c, row_id(1))) == certificate(1)


def test_backup_that_fails_stops_the_upgrade(database, newer_scripts):
    def fail():
        raise Fault("no room")

    with pytest.raises(Fault, match="no room"):
        migrate(database, fail, newer_scripts)
    assert database.read(revision_of) == "0002"


def test_two_managers_that_start_together_migrate_once(empty_url):
    databases = [open_database(empty_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        upgrades = list(pool.map(lambda each: migrate(each, no_backup), databases))
    assert [upgrade.new for upgrade in upgrades] == ["0002", "0002"]
    assert tables_of(databases[0]) == {*metadata.tables, "alembic_version"}
    for each in databases:
        each.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_backup_is_a_registry_of_its_moment_for_its_owner_alone(database, tmp_path):
    keep(database, certificate(1))
    path = back_up_sqlite(database, tmp_path / "copies", Utc(1_000_000))
    keep(database, certificate(2))
    assert path.name == "registry-19700101T000001Z.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    copy = open_database(f"sqlite:///{path}")
    assert migrate(copy, no_backup).old == "0002"
    assert copy.read(lambda c: certificates.find(c, CertificateFilter())) == [certificate(1)]
    copy.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_last_backups_are_kept(database, tmp_path):
    for second in range(5):
        back_up_sqlite(database, tmp_path, Utc(second * 1_000_000), kept=2)
    assert sorted(path.name for path in tmp_path.glob("registry-*")) == [
        "registry-19700101T000003Z.sqlite",
        "registry-19700101T000004Z.sqlite",
    ]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_backup_that_cannot_be_written_is_a_fault(database, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Fault, match="cannot be copied"):
        back_up_sqlite(database, tmp_path / "file", Utc(0))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_backup_is_taken_while_another_writes(database, tmp_path, registry_url):
    keep(database, certificate(1))
    with closing(sqlite3.connect(registry_url.removeprefix("sqlite:///"))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM certificates")
        path = back_up_sqlite(database, tmp_path, Utc(0))
        writer.execute("ROLLBACK")
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("SELECT count(*) FROM certificates").fetchone() == (1,)
