"""What stands on the broker for Home Assistant, so that it can be taken away after any restart."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "announced",
        sa.Column("object_id", sa.String(64), primary_key=True),
        sa.Column("device_pk", sa.BigInteger(), nullable=False),
        sa.Column("prefix", sa.String(255), nullable=False),
        sa.Column("diagnostics", sa.Boolean(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
    )
