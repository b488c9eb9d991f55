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
    old = database.read(revision_of)
    newest = _check(old, _directory(scripts))
    if old == newest:
        return Upgrade(old, newest)
    if old is not None:
        back_up()
    return database.run(lambda connection: _upgrade(connection, scripts))


def revision_of(connection: Connection) -> str | None:
    """Tell the revision of the schema; None when there is no registry yet."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, scripts: Path) -> Upgrade:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    old = revision_of(connection)
    newest = _check(old, ScriptDirectory.from_config(config))
    command.upgrade(config, "head")
    return Upgrade(old, newest)


def _directory(scripts: Path) -> ScriptDirectory:
    return ScriptDirectory(str(scripts))


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
