"""Deployments, targets and everything that happened."""

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
    text,
)

from homie_ota.store.tables.base import Serial, metadata

target = Table(
    "target",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("source", String(64), nullable=False, default=""),
    Column("until", Float, nullable=True),
    Column("since", Float, nullable=True),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("previous_sha256", String(64), nullable=False, default=""),
    Column("attempt", Integer, nullable=False, default=1),
    Column("rollout_id", Integer, nullable=True, index=True),
    Column("wave", Integer, nullable=True),
    Column("state", String(16), nullable=False),
    Column("state_since", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("offered_at", Float, nullable=True),
    # Set by compare-and-set before the first byte of the image leaves: what says “sent” even after a crash.
    Column("image_at", Float, nullable=True),
    Column("deadline", Float, nullable=True),
    Column("not_before", Float, nullable=True),
    Column("not_after", Float, nullable=True),
    # It goes out only when the device came back after this moment; None: it need not.
    Column("fresh_after", Float, nullable=True),
    # It goes out only while nothing else is on the air, and nothing else goes out meanwhile.
    Column("alone", Boolean, nullable=False, default=False),
    # While QUEUED: whose turn it is (store/turns.py); None as long as the device is not awake.
    Column("turn", Integer, nullable=True),
    # What followed its failure: one of rollout.attempts.Followed; empty: not decided yet.
    Column("followed", String(16), nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("harmful", Boolean, nullable=True),
    # The stable word of `reason`, and how it ended: one of model.Outcome, empty while it runs.
    Column("code", String(32), nullable=False, default=""),
    Column("outcome", String(16), nullable=False, default=""),
    # What it is for: one of model.Purpose.
    Column("purpose", String(16), nullable=False, default="update"),
    # The lease under which it was offered; whoever holds another one may not move it.
    Column("lease_token", Integer, nullable=True),
    # What the soak has seen so far, while VERIFYING.
    Column("soak", JSON, nullable=False, default=dict),
    Column("late", Boolean, nullable=False, default=False),
    Column("bytes_done", Integer, nullable=False, default=0),
    Column("bytes_total", Integer, nullable=False, default=0),
    Column("before", JSON, nullable=False, default=dict),
    Column("after", JSON, nullable=False, default=dict),
    Column("override", Text, nullable=False, default=""),
    Column("created_by", String(64), nullable=False, default=""),
    Index("deployment_of_device", "device_pk", "id"),
    Index("deployment_in_state", "state", "deadline"),
    # Lists of one state, newest first.
    Index("deployment_of_state", "state", "id"),
)

Index(
    "deployment_one_active",
    deployment.c.device_pk,
    unique=True,
    sqlite_where=text("state NOT IN ('succeeded', 'failed', 'cancelled')"),
    postgresql_where=text("state NOT IN ('succeeded', 'failed', 'cancelled')"),
)

Index(
    "deployment_turns",
    deployment.c.rollout_id,
    deployment.c.turn,
    deployment.c.id,
    sqlite_where=text("state = 'queued'"),
    postgresql_where=text("state = 'queued'"),
)
# With the state in front: SQLite would rather use an index by state than a smaller one that is partial. And one by
# device *and* state, or it would look through all that failed for the failures of one device.
Index("deployment_of_device_in_state", deployment.c.device_pk, deployment.c.state)
Index("deployment_lapses", deployment.c.state, deployment.c.not_after)
Index("deployment_unfollowed", deployment.c.state, deployment.c.followed)
Index("deployment_offers", deployment.c.offered_at)
# How many ended how; in this order, or SQLite would take it where it finds most of them one by one.
Index("deployment_ends", deployment.c.code, deployment.c.outcome, deployment.c.state)

event = Table(
    "event",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("device_pk", BigInteger, nullable=True, index=True),
    Column("deployment_id", BigInteger, nullable=True, index=True),
    # The image that it is about, where it is about one.
    Column("sha256", String(64), nullable=False, default=""),
    Column("actor", String(64), nullable=False, default=""),
    Column("data", JSON, nullable=False, default=dict),
    # The log is read from its end, whatever it is filtered by.
    Index("event_of_kind", "kind", "seq"),
    Index("event_by_actor", "actor", "seq"),
    Index("event_of_firmware", "sha256", "seq"),
    Index("event_in_time", "at", "seq"),
)

Index(
    "event_of_rollouts",
    event.c.seq,
    sqlite_where=text("kind = 'rollout'"),
    postgresql_where=text("kind = 'rollout'"),
)

Index(
    "event_of_alarms",
    event.c.seq,
    sqlite_where=text("kind = 'alarm'"),
    postgresql_where=text("kind = 'alarm'"),
)

Index(
    "event_alarms_of_device",
    event.c.device_pk,
    sqlite_where=text("kind = 'alarm'"),
    postgresql_where=text("kind = 'alarm'"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires_at", Float, nullable=False),
)

transcript = Table(
    "transcript",
    metadata,
    # What went to and came from the device while a deployment ran: the case file.
    Column("seq", Serial, primary_key=True),
    Column("deployment_id", BigInteger, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("direction", String(4), nullable=False),  # `in`, `out`, or `note` for a decision of ours
    Column("topic", String(255), nullable=False, default=""),
    Column("text", Text, nullable=False, default=""),
    Column("size", Integer, nullable=False, default=0),
    Column("retained", Boolean, nullable=False, default=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    # This image is not offered to this device again until a person releases it.
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("code", String(32), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("since", Float, nullable=False),
)
