"""Bringing a registry to the schema of this program, with a copy put aside first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from appliance.errors import Refused
from appliance.store.registry.database import Database

SCRIPTS = Path(__file__).parent
_LOCK = 0x5368_6979  # "Shiy": one manager at a time migrates


@attrs.frozen
class Upgrade:
    """From which revision to which a registry was brought; equal when nothing was to do."""

    old: str | None
    new: str


def migrate(database: Database, back_up: Callable[[], object], scripts: Path = SCRIPTS) -> Upgrade:
    """Bring `database` to the newest revision in `scripts`; blocks.

    `back_up` is called first when there is a registry and it is to change.  Raises Refused when
    its schema is newer than this program, and as `Database.run`; then nothing is changed.
    """
    if database.engine.dialect.name != "postgresql":
        return _migrate(database, back_up, scripts)

    def alone(guard: Connection) -> Upgrade:
        # On a connection of its own: a transaction that waited would still see the old tables.
        guard.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return _migrate(database, back_up, scripts)

    return database.run(alone)


def revision_of(connection: Connection) -> str | None:
    """Tell the revision of the schema; None when there is no registry yet."""
    return MigrationContext.configure(connection).get_current_revision()


def _migrate(database: Database, back_up: Callable[[], object], scripts: Path) -> Upgrade:
    old = database.read(revision_of)
    newest = _check(old, ScriptDirectory(str(scripts)))
    if old not in {None, newest}:
        back_up()
    if old != newest:
        database.run(lambda connection: _upgrade(connection, scripts))
    return Upgrade(old, newest)


def _upgrade(connection: Connection, scripts: Path) -> None:
    """Run what revisions are missing; none when another process was first."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    command.upgrade(config, "head")


def _check(revision: str | None, directory: ScriptDirectory) -> str:
    """Give the newest revision; raises Refused when `revision` is not one of ours."""
    newest = directory.get_current_head()
    assert newest is not None
    ours = {script.revision for script in directory.walk_revisions()}
    if revision is not None and revision not in ours:
        raise Refused(
            f"the registry has schema {revision}, newer than {newest} of this program:"
            " install the newer program, or restore the backup made before its upgrade"
        )
    return newest
