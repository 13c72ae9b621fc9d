"""Rollouts with their waves, what was seen during a deployment, presence, leftovers, quarantine; more of a firmware."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from homie_ota.store.tables.base import Serial

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add columns and tables."""
    _add_columns()
    _make_tables()


def _text(name: str, length: int | None = None, default: str = "") -> sa.Column[str]:
    kind = sa.String(length=length) if length else sa.Text()
    return sa.Column(name, kind, nullable=False, server_default=default)


def _json(name: str, default: str = "{}") -> sa.Column[object]:
    return sa.Column(name, sa.JSON(), nullable=False, server_default=default)


def _add_columns() -> None:
    op.add_column("device", _json("recent", "[]"))
    for column in (_text("changelog"), _text("override"), _text("requires", 64), _text("proven", 16)):
        op.add_column("firmware", column)
    op.add_column("deployment", sa.Column("not_after", sa.Float(), nullable=True))
    op.add_column("deployment", sa.Column("lease_token", sa.Integer(), nullable=True))
    for column in (_text("code", 32), _text("outcome", 16), _text("purpose", 16, "update")):
        op.add_column("deployment", column)
    op.add_column("deployment", _json("soak"))
    op.create_index("ix_deployment_rollout_id", "deployment", ["rollout_id"])


def _device_pk(*, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(
        "device_pk", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=primary_key
    )


def _make_tables() -> None:
    op.create_table(
        "transcript",
        sa.Column("seq", Serial, primary_key=True),
        sa.Column("deployment_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("direction", sa.String(4), nullable=False),
        sa.Column("topic", sa.String(255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("retained", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_transcript_deployment_id", "transcript", ["deployment_id"])
    op.create_table(
        "quarantine",
        _device_pk(primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["device_pk"], ["device.pk"], ondelete="CASCADE"),
    )
    op.create_table(
        "presence",
        _device_pk(primary_key=True),
        sa.Column("since", sa.Float(), primary_key=True),
        sa.Column("until", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["device_pk"], ["device.pk"], ondelete="CASCADE"),
    )
    op.create_table(
        "leftover",
        sa.Column("topic", sa.String(255), primary_key=True),
        sa.Column("device_pk", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.Float(), nullable=False),
    )
    _make_rollouts()


def _make_rollouts() -> None:
    op.create_table(
        "rollout",
        sa.Column("id", Serial, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_since", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("follow", sa.String(64), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
    op.create_index("ix_rollout_state", "rollout", ["state"])
    rollout = sa.Column("rollout_id", Serial, primary_key=True)
    op.create_table(
        "wave",
        rollout,
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("passed_at", sa.Float(), nullable=True),
        sa.Column("reading", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], ondelete="CASCADE"),
    )
    op.create_table(
        "membership",
        sa.Column("rollout_id", Serial, primary_key=True),
        _device_pk(primary_key=True),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("deployment_id", sa.BigInteger(), nullable=True),
        sa.Column("revert_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["device_pk"], ["device.pk"], ondelete="CASCADE"),
    )
    op.create_index("membership_outcome", "membership", ["rollout_id", "wave", "outcome"])
    op.create_index("membership_of_device", "membership", ["device_pk"])
    of_rollouts = sa.text("kind = 'rollout'")
    op.create_index(
        "event_of_rollouts", "event", ["seq"], sqlite_where=of_rollouts, postgresql_where=of_rollouts
    )
