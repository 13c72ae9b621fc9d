"""Since when something other than time holds a member of a rollout back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column."""
    op.add_column("membership", sa.Column("held_since", sa.Float(), nullable=True))
