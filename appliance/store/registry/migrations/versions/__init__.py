"""The revisions, oldest first by name; Alembic follows their `down_revision`."""
