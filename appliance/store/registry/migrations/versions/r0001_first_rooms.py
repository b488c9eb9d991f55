"""The registry as it first was: certificates, requests, jobs, accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, those that others refer to first."""
    _accounts()
    _batches()
    _certificates()
    _idempotency()
    _jobs()
    _requests()
    _job_items()


def _index(table: str, *columns: str) -> None:
    op.create_index("_".join(("ix", table, *columns)), table, list(columns))


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("token_sm3", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
        sa.UniqueConstraint("token_sm3", name="uq_accounts_token_sm3"),
    )
    _index("accounts", "created_us", "id")


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("manifest_sm3", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
    )
    _index("batches", "created_us", "id")


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("serial_number", sa.String(40), nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("template", sa.String(64), nullable=False),
        sa.Column("owner_uid", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64)),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("spki_sm3", sa.String(64), nullable=False),
        sa.Column("not_before_us", sa.BigInteger(), nullable=False),
        sa.Column("not_after_us", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("renewed_by", sa.String(32)),
        sa.Column("reason", sa.Integer()),
        sa.Column("revoked_us", sa.BigInteger()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["renewed_by"], ["certificates.id"], name="fk_certificates_renewed_by"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_certificates"),
        sa.UniqueConstraint(
            "authority", "serial_number", name="uq_certificates_authority_serial_number"
        ),
    )
    _index("certificates", "created_us", "id")
    _index("certificates", "owner_uid", "created_us", "id")
    _index("certificates", "spki_sm3")
    _index("certificates", "state", "not_after_us", "id")


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("method", sa.String(8), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("body_sm3", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("response", sa.LargeBinary()),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "key", name="pk_idempotency"),
    )
    _index("idempotency", "created_us")


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    _index("jobs", "created_us", "id")


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("road", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("authority", sa.String(64), nullable=False),
        sa.Column("template", sa.String(64), nullable=False),
        sa.Column("owner_uid", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64)),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("csr", sa.LargeBinary()),
        sa.Column("renews", sa.String(32)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("certificate_id", sa.String(32)),
        sa.Column("reason", sa.Text()),
        sa.Column("batch_id", sa.String(32)),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("updated_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_requests_batch_id"),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name="fk_requests_certificate_id"
        ),
        sa.ForeignKeyConstraint(["renews"], ["certificates.id"], name="fk_requests_renews"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    _index("requests", "batch_id")
    _index("requests", "created_us", "id")
    _index("requests", "owner_uid", "created_us", "id")
    _index("requests", "state", "created_us", "id")


def _job_items() -> None:
    op.create_table(
        "job_items",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("certificate_id", sa.String(32)),
        sa.Column("request_id", sa.String(32)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificates.id"], name="fk_job_items_certificate_id"
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_items_job_id"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_job_items_request_id"),
        sa.PrimaryKeyConstraint("job_id", "position", name="pk_job_items"),
    )
    _index("job_items", "job_id", "state", "position")
    # ### end Alembic commands ###
