"""Rollouts: what was planned, how far each wave is, and what became of every member."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from homie_ota.store.tables.base import Serial, metadata

rollout = Table(
    "rollout",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("name", String(255), nullable=False, default=""),
    Column("sha256", String(64), nullable=False),
    Column("query", Text, nullable=False),
    # A rollout.plan.Plan as data.
    Column("plan", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("state_since", Float, nullable=False),
    Column("reason", Text, nullable=False, default=""),
    # The wave that runs, or ran last; counts from 0.
    Column("wave", Integer, nullable=False, default=0),
    # New devices that the query finds join it.
    Column("standing", Boolean, nullable=False, default=False),
    # Of a standing target: the constraint on versions that are taken up, like `2.*`; empty: this image only.
    Column("follow", String(64), nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Column("created_by", String(64), nullable=False, default=""),
    Column("started_at", Float, nullable=True),
    Column("ended_at", Float, nullable=True),
    # Counts every change of the row; a change names the one it saw (compare-and-set).
    Column("revision", Integer, nullable=False, default=0),
)

wave = Table(
    "wave",
    metadata,
    Column("rollout_id", ForeignKey("rollout.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("started_at", Float, nullable=True),
    Column("passed_at", Float, nullable=True),
    # What the gate read when it last decided: numbers and a sentence.
    Column("reading", JSON, nullable=False, default=dict),
)

membership = Table(
    "membership",
    metadata,
    Column("rollout_id", ForeignKey("rollout.id", ondelete="CASCADE"), primary_key=True),
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    # -1: skipped; the lane of late joiners is the wave behind the last.
    Column("wave", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("since", Float, nullable=False),
    Column("deployment_id", BigInteger, nullable=True),
    Column("revert_id", BigInteger, nullable=True),
    # Since when a guard, a pin or a leftover keeps it from its image; of an ABSENT one: that this was so when it was
    # given up (store/holding.py).
    Column("held_since", Float, nullable=True),
    Index("membership_outcome", "rollout_id", "wave", "outcome"),
    Index("membership_of_device", "device_pk"),
)
