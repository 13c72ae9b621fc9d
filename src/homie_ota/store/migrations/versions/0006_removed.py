"""Devices that were deleted are kept for a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "removed",
        sa.Column("device_pk", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("base", sa.String(255), nullable=False),
        sa.Column("device_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
    )
    op.create_index("removed_when", "removed", ["at"])
