"""Who asks over HTTP for an update and is not known here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add the table."""
    words = {"address": 64, "ap_mac": 17, "family": 16, "mode": 16, "version": 255, "sdk": 255}
    sizes = ("free_space", "sketch_size", "chip_size")
    op.create_table(
        "knock",
        sa.Column("network", sa.String(64), primary_key=True),
        sa.Column("mac", sa.String(17), primary_key=True),
        *(sa.Column(name, sa.String(length), nullable=False) for name, length in words.items()),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in sizes),
        sa.Column("md5", sa.String(32), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.Float(), nullable=False),
        sa.Column("last_at", sa.Float(), nullable=False),
    )
    op.create_index("knock_by_mac", "knock", ["mac"])
