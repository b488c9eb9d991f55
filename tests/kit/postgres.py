"""A private PostgreSQL on a Unix socket: no network, no waiting for disks, gone with the tests."""

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import psycopg

from kit.polling import wait_until

DEBIAN_FOLDERS = Path("/usr/lib/postgresql")
START_GUARD_S = 60.0
STOP_GUARD_S = 30.0
INITDB_OPTIONS = ["-U", "shiyin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
}


@attrs.frozen
class Postgres:
    """A running server, whose socket is in `folder`."""

    folder: Path
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def url(self, name: str) -> str:
        """Give the URL of a database for SQLAlchemy."""
        return f"postgresql+psycopg://shiyin@/{name}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """Make a database like `template`; gives its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, statement: str) -> None:
        """Run one statement outside of any transaction, as superuser."""
        with self._connect() as connection:
            connection.execute(statement.encode())

    def is_ready(self) -> bool:
        """Tell whether it takes connections."""
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.folder), user="shiyin", dbname="postgres", autocommit=True
        )


def program(name: str) -> str:
    """Find a program of PostgreSQL, which Debian keeps out of PATH."""
    found = shutil.which(name) or max(map(str, DEBIAN_FOLDERS.glob(f"*/bin/{name}")), default=None)
    assert found, f"{name} is missing: apt-get install postgresql"
    return found


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a new, empty server, ended afterwards, and by the kernel if we end first."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        with _serving(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[Postgres]:
    drop = _unprivileged(folder)
    data = folder / "data"
    subprocess.run(
        [*drop, program("initdb"), "-D", str(data), *INITDB_OPTIONS],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*drop, program("postgres"), "-D", str(data), "-k", str(folder), *settings],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        server = Postgres(folder)
        wait_until(lambda: server.is_ready() or None, guard_s=START_GUARD_S, what="PostgreSQL")
        yield server
    finally:
        process.send_signal(2)  # "fast": clients are put out
        try:
            process.wait(STOP_GUARD_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _unprivileged(folder: Path) -> list[str]:
    """Give the words before a command that make it another user than root, owner of `folder`."""
    words = ["setpriv", "--pdeathsig", "INT"]
    if os.getuid() != 0:
        return words
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return [*words, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
