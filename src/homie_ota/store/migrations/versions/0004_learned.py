"""What was learned is found by what it says: which devices took, or refused, the same."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the index."""
    op.create_index("learned_alike", "learned", ["fact", "value"])
