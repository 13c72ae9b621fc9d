"""Filters with a name; and indexes for who needs a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table and the indexes."""
    op.create_table(
        "saved_filter",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("sort", sa.String(32), nullable=False),
        sa.Column("columns", sa.String(255), nullable=False),
        sa.Column("saved_at", sa.Float(), nullable=False),
        sa.Column("saved_by", sa.String(64), nullable=False),
    )
    op.create_index("device_in_state", "device", ["state"])
    alarms = sa.text("kind = 'alarm'")
    op.create_index(
        "event_alarms_of_device",
        "event",
        ["device_pk"],
        sqlite_where=alarms,
        postgresql_where=alarms,
    )
