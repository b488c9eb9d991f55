"""The rooms of co-signing: users, activations, devices, tasks and their items."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    _users()
    _activations()
    _devices()
    _tasks()
    _task_items()
    op.create_table(
        "followed",
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", name="pk_followed"),
    )


def _index(table: str, *columns: str) -> None:
    op.create_index("_".join(("ix", table, *columns)), table, list(columns))


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("department", sa.String(64), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name="pk_users"),
    )
    _index("users", "created_us", "uid")


def _activations() -> None:
    op.create_table(
        "activations",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("usage", sa.String(16), nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("template", sa.String(64), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("device", sa.String(64)),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["uid"], ["users.uid"], name="fk_activations_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_activations"),
    )
    _index("activations", "created_us", "id")
    _index("activations", "uid", "created_us", "id")
    _index("activations", "state", "expires_us")


def _devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("activation", sa.String(32), nullable=False),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("csr", sa.LargeBinary(), nullable=False),
        sa.Column("request_id", sa.String(32), nullable=False),
        sa.Column("certificate_id", sa.String(32)),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["uid"], ["users.uid"], name="fk_devices_uid"),
        sa.ForeignKeyConstraint(["activation"], ["activations.id"], name="fk_devices_activation"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name="fk_devices_certificate_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
    )
    _index("devices", "created_us", "id")
    _index("devices", "uid", "created_us", "id")
    _index("devices", "certificate_id")


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("application", sa.String(64), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["uid"], ["users.uid"], name="fk_tasks_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    _index("tasks", "created_us", "id")
    _index("tasks", "uid", "created_us", "id")
    _index("tasks", "application", "created_us", "id")
    _index("tasks", "state", "expires_us")


def _task_items() -> None:
    op.create_table(
        "task_items",
        sa.Column("task", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("uid", sa.String(64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("octets", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("device", sa.String(64)),
        sa.Column("signature", sa.LargeBinary()),
        sa.Column("certificate_id", sa.String(32)),
        sa.Column("reason", sa.Text()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name="fk_task_items_certificate_id"
        ),
        sa.ForeignKeyConstraint(["task"], ["tasks.id"], name="fk_task_items_task"),
        sa.PrimaryKeyConstraint("task", "position", name="pk_task_items"),
        sa.UniqueConstraint("id", name="uq_task_items_id"),
    )
    _index("task_items", "uid", "state", "created_us", "task", "position")
