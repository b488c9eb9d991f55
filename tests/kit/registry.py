"""A migrated registry on either engine, made anew for each test, and rows to fill it with."""

import itertools
import queue
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from appliance.pki.states import CertificateState, RequestState
from appliance.store.registry.certificates import CertificateRow
from appliance.store.registry.database import Database, open_database
from appliance.store.registry.migrations.upgrading import migrate
from appliance.store.registry.requests import RequestRow
from kit.postgres import Postgres, running_postgres

T = TypeVar("T")
ENGINES = ("sqlite", "postgresql")
DAY_US = 86_400 * 1_000_000
GUARD_S = 60.0


def no_backup() -> None:
    """Stand for a backup where there is nothing to lose."""
    raise AssertionError("an empty database is not backed up")


@attrs.frozen
class Stores:
    """Makes databases on both engines; the migrated ones are copies of one that was."""

    folder: Path
    postgres: Postgres
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    def empty(self, engine: str) -> str:
        """Make an empty database; gives its URL."""
        if engine == "sqlite":
            return f"sqlite:///{self.folder}/{next(self._numbers)}.sqlite"
        return self.postgres.url(self.postgres.create())

    def migrated(self, engine: str, pattern: str) -> str:
        """Make a database like that at the URL `pattern`, to which nothing is connected."""
        if engine == "sqlite":
            url = self.empty(engine)
            shutil.copy(pattern.removeprefix("sqlite:///"), url.removeprefix("sqlite:///"))
            return url
        name = pattern.partition("@/")[2].partition("?")[0]
        return self.postgres.url(self.postgres.create(name))


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Give what makes databases: one server of PostgreSQL a session."""
    with running_postgres() as postgres:
        yield Stores(tmp_path_factory.mktemp("registry"), postgres)


@pytest.fixture(scope="session")
def patterns(stores: Stores) -> dict[str, str]:
    """Give the URL of a migrated database of each engine, to be copied."""
    urls = {engine: stores.empty(engine) for engine in ENGINES}
    for url in urls.values():
        database = open_database(url)
        migrate(database, no_backup)
        database.close()
    return urls


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Name an engine: a test that asks for it runs on both."""
    name: str = request.param
    return name


@pytest.fixture
def empty_url(engine: str, stores: Stores) -> str:
    """Give the URL of an empty database."""
    return stores.empty(engine)


@pytest.fixture
def registry_url(engine: str, stores: Stores, patterns: dict[str, str]) -> str:
    """Give the URL of a migrated database."""
    return stores.migrated(engine, patterns[engine])


@pytest.fixture
def database(registry_url: str) -> Iterator[Database]:
    """Give a migrated, empty registry."""
    opened = open_database(registry_url)
    yield opened
    opened.close()


class HandedCalls:
    """Stands for a reactor: calls from other threads wait in a queue until they are taken."""

    def __init__(self) -> None:
        self._calls: queue.Queue[tuple[Callable[..., object], tuple[object, ...]]] = queue.Queue()

    def callFromThread(self, function: Callable[..., object], /, *args: object) -> None:
        """Take a call from any thread."""
        self._calls.put((function, args))

    def wait(self, deferred: Deferred[T]) -> T:
        """Make the calls that come until `deferred` has its result; give or raise it."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        while not results:
            function, args = self._calls.get(timeout=GUARD_S)
            function(*args)
        if isinstance(results[0], Failure):
            results[0].raiseException()
        found: T = results[0]
        return found


def row_id(number: int) -> str:
    """Give an identifier for a number."""
    return f"{number:032x}"


def certificate(number: int, **changes: Any) -> CertificateRow:
    """Make a certificate of a year; its numbers come from `number`."""
    row = CertificateRow(
        id=row_id(number),
        serial_number=f"{number:028x}",
        authority="issuing",
        template="person",
        owner_uid=f"staff-{number % 1000}",
        device=None,
        subject=f"CN=张 {number},UID=staff-{number % 1000}",
        spki_sm3=f"{number:064x}",
        not_before_us=number,
        not_after_us=365 * DAY_US + number,
        created_us=number,
        der=b"\x30\x03\x02\x01\x00",
        state=CertificateState.VALID,
    )
    return attrs.evolve(row, **changes)


def request_row(number: int, **changes: Any) -> RequestRow:
    """Make a request that was just created; its numbers come from `number`."""
    row = RequestRow(
        id=row_id(number),
        road="builtin",
        kind="new",
        authority="issuing",
        template="person",
        owner_uid=f"staff-{number}",
        fields={"uid": f"staff-{number}", "name": "张"},
        created_us=number,
        updated_us=number,
        state=RequestState.CREATED,
    )
    return attrs.evolve(row, **changes)
