"""Turns, retries and lapses of what waits; leftovers that somebody wants cleared; since when a target stands."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add columns and the indexes by which ten thousand that wait are not looked through."""
    for name in ("fresh_after", "turn"):
        kind = sa.Float() if name == "fresh_after" else sa.Integer()
        op.add_column("deployment", sa.Column(name, kind, nullable=True))
    op.add_column("deployment", sa.Column("alone", sa.Boolean(), nullable=False, server_default=sa.false()))
    # What failed before nobody watches any more.
    op.add_column(
        "deployment", sa.Column("followed", sa.String(16), nullable=False, server_default="nothing")
    )
    op.add_column("leftover", sa.Column("asked_at", sa.Float(), nullable=True))
    op.add_column("leftover", sa.Column("asked_by", sa.String(64), nullable=False, server_default=""))
    op.add_column("target", sa.Column("since", sa.Float(), nullable=True))
    _index("deployment_turns", ["rollout_id", "turn", "id"], "state = 'queued'")
    op.create_index("deployment_of_device_in_state", "deployment", ["device_pk", "state"])
    op.create_index("deployment_lapses", "deployment", ["state", "not_after"])
    op.create_index("deployment_unfollowed", "deployment", ["state", "followed"])
    op.create_index("deployment_offers", "deployment", ["offered_at"])
    op.create_index("device_running", "device", ["fw_name", "state"])
    _index("event_of_alarms", ["seq"], "kind = 'alarm'", "event")


def _index(name: str, columns: list[str], where: str, table: str = "deployment") -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
