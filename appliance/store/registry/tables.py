"""The tables of the registry.

Identifiers are 16 octets in hex, digests are SM3 in hex, instants POSIX microseconds; states are
the values of the enums in `pki.states` and `cosign.registry_states`.  A change here needs a
revision in `migrations/versions`.
"""

from __future__ import annotations

import enum
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from appliance.cosign.registry_states import (
    ActivationState,
    DeviceState,
    TaskItemState,
    TaskState,
    UserState,
)
from appliance.errors import Fault
from appliance.pki.states import (
    AccountState,
    BatchState,
    CertificateState,
    ItemState,
    JobState,
    RequestState,
)

State = TypeVar("State", bound=enum.StrEnum)
_ID = 32
_SM3 = 64
_SERIAL_NUMBER = 40


class StateText(TypeDecorator[State], Generic[State]):
    """A state as the text of its value."""

    impl = String
    cache_ok = True

    def __init__(self, states: type[State], length: int = 16) -> None:
        super().__init__(length)
        self.states = states

    def process_bind_param(self, value: State | None, dialect: Dialect) -> str | None:  # noqa: ARG002  SQLAlchemy's signature
        """Write a state."""
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> State | None:  # noqa: ARG002  SQLAlchemy's signature
        """Read a state.  Raises Fault."""
        try:
            return None if value is None else self.states(value)
        except ValueError as error:
            raise Fault(f"the registry holds an unknown state: {error}") from None


class JsonText(TypeDecorator[Any]):
    """A plain value as JSON in text, which both engines keep alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002  any JSON; SQLAlchemy's signature
        """Write a value."""
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002  any JSON; SQLAlchemy's signature
        """Read a value.  Raises Fault."""
        try:
            return None if value is None else msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise Fault(f"the registry holds text that is not JSON: {error}") from None


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("serial_number", String(_SERIAL_NUMBER), nullable=False),
    Column("authority", String(64), nullable=False),
    Column("template", String(64), nullable=False),
    Column("owner_uid", String(64), nullable=False),
    Column("device", String(64)),
    Column("subject", Text, nullable=False),
    Column("spki_sm3", String(_SM3), nullable=False),
    Column("not_before_us", BigInteger, nullable=False),
    Column("not_after_us", BigInteger, nullable=False),
    Column("state", StateText(CertificateState), nullable=False),
    Column("renewed_by", String(_ID), ForeignKey("certificates.id")),
    Column("reason", Integer),
    Column("revoked_us", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Column("der", LargeBinary, nullable=False),
    UniqueConstraint("authority", "serial_number"),
    Index(None, "created_us", "id"),
    Index(None, "owner_uid", "created_us", "id"),
    Index(None, "state", "not_after_us", "id"),
    Index(None, "spki_sm3"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("authority", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("manifest_sm3", String(_SM3)),
    Column("state", StateText(BatchState), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "id"),
)

requests = Table(
    "requests",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("road", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("authority", String(64), nullable=False),
    Column("template", String(64), nullable=False),
    Column("owner_uid", String(64), nullable=False),
    Column("device", String(64)),
    Column("fields", JsonText, nullable=False),
    Column("csr", LargeBinary),
    Column("renews", String(_ID), ForeignKey("certificates.id")),
    Column("state", StateText(RequestState), nullable=False),
    Column("certificate_id", String(_ID), ForeignKey("certificates.id")),
    Column("reason", Text),
    Column("batch_id", String(_ID), ForeignKey("batches.id")),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "id"),
    Index(None, "owner_uid", "created_us", "id"),
    Index(None, "state", "created_us", "id"),
    Index(None, "batch_id"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("state", StateText(JobState), nullable=False),
    Column("total", Integer, nullable=False),
    Column("done", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("parameters", JsonText, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "id"),
)

job_items = Table(
    "job_items",
    metadata,
    Column("job_id", String(_ID), ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("certificate_id", String(_ID), ForeignKey("certificates.id")),
    Column("request_id", String(_ID), ForeignKey("requests.id")),
    Column("state", StateText(ItemState), nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "job_id", "state", "position"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("token_sm3", String(_SM3), nullable=False),
    Column("state", StateText(AccountState), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    UniqueConstraint("name"),
    UniqueConstraint("token_sm3"),
    Index(None, "created_us", "id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("account", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("method", String(8), nullable=False),
    Column("path", Text, nullable=False),
    Column("body_sm3", String(_SM3), nullable=False),
    Column("status", Integer),
    Column("response", LargeBinary),
    Column("created_us", BigInteger, nullable=False),
    Index(None, "created_us"),
)

users = Table(
    "users",
    metadata,
    Column("uid", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("department", String(64), nullable=False),
    Column("fields", JsonText, nullable=False),
    Column("state", StateText(UserState), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "uid"),
)

activations = Table(
    "activations",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("uid", String(64), ForeignKey("users.uid"), nullable=False),
    Column("usage", String(16), nullable=False),
    Column("authority", String(64), nullable=False),
    Column("template", String(64), nullable=False),
    Column("fields", JsonText, nullable=False),
    Column("state", StateText(ActivationState), nullable=False),
    Column("device", String(64)),
    Column("expires_us", BigInteger, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "id"),
    Index(None, "uid", "created_us", "id"),
    Index(None, "state", "expires_us"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("uid", String(64), ForeignKey("users.uid"), nullable=False),
    Column("activation", String(_ID), ForeignKey("activations.id"), nullable=False),
    Column("label", String(64), nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("csr", LargeBinary, nullable=False),
    Column("request_id", String(_ID), nullable=False),
    Column("certificate_id", String(_ID), ForeignKey("certificates.id")),
    Column("state", StateText(DeviceState, 32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "id"),
    Index(None, "uid", "created_us", "id"),
    Index(None, "certificate_id"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(_ID), primary_key=True),
    Column("uid", String(64), ForeignKey("users.uid"), nullable=False),
    Column("application", String(64), nullable=False),
    Column("description", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("state", StateText(TaskState), nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Index(None, "created_us", "id"),
    Index(None, "uid", "created_us", "id"),
    Index(None, "application", "created_us", "id"),
    Index(None, "state", "expires_us"),
)

task_items = Table(
    "task_items",
    metadata,
    Column("task", String(_ID), ForeignKey("tasks.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("id", String(_ID), nullable=False),
    Column("uid", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("form", String(16), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("octets", Integer, nullable=False),
    Column("digest", String(_SM3), nullable=False),
    Column("state", StateText(TaskItemState), nullable=False),
    Column("device", String(64)),
    Column("signature", LargeBinary),
    Column("certificate_id", String(_ID), ForeignKey("certificates.id")),
    Column("reason", Text),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    UniqueConstraint("id"),
    Index(None, "uid", "state", "created_us", "task", "position"),
)

followed = Table(
    "followed",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
