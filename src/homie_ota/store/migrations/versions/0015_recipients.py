"""Who elsewhere is told what happens, and how far each is in the log."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "recipient",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", sa.Float(), nullable=True),
        sa.Column("next_at", sa.Float(), nullable=False, server_default="0"),
        sa.Column("last_ok", sa.Float(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False, server_default=""),
        sa.Column("is_dead", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("lost", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("lost_after", sa.BigInteger(), nullable=False, server_default="0"),
    )
