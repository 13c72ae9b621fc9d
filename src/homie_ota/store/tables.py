"""The tables: what every row holds; the migrations follow this file and a test compares the two.

Rule: times are Unix seconds (float, UTC); a device is a row of its own, and its addresses point to it.
"""

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
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

# SQLite counts up by itself only for INTEGER PRIMARY KEY; PostgreSQL wants 64 bits for what grows without an end.
Serial = BigInteger().with_variant(Integer, "sqlite")

device = Table(
    "device",
    metadata,
    Column("pk", Serial, primary_key=True),
    # The current address and what lists sort and filter by, flat; everything else in `facts` and `nodes`.
    Column("base", String(255), nullable=False),
    Column("device_id", String(255), nullable=False),
    Column("name", String(255), nullable=False, default=""),
    Column("mac", String(17), nullable=False, default="", index=True),
    Column("ip", String(45), nullable=False, default=""),
    Column("homie", String(32), nullable=False, default=""),
    Column("implementation", String(64), nullable=False, default=""),
    Column("way", String(16), nullable=False, default="none"),
    Column("ota_enabled", Boolean, nullable=True),
    Column("state", String(16), nullable=False, default="unknown"),
    Column("state_since", Float, nullable=False, default=0.0),
    Column("fw_name", String(255), nullable=False, default="", index=True),
    Column("fw_version", String(255), nullable=False, default=""),
    Column("version_key", String(255), nullable=False, default=""),
    Column("md5", String(32), nullable=False, default="", index=True),
    Column("signal", Float, nullable=True),
    Column("uptime", Float, nullable=True),
    Column("heap", Float, nullable=True),
    Column("facts", JSON, nullable=False, default=dict),
    Column("nodes", JSON, nullable=False, default=dict),
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("pinned_until", Float, nullable=True),
    Column("pin_reason", String(255), nullable=False, default=""),
    Index("device_address_now", "base", "device_id"),
)

device_address = Table(
    "device_address",
    metadata,
    Column("kind", String(16), primary_key=True, default="homie"),
    Column("base", String(255), primary_key=True),
    Column("device_id", String(255), primary_key=True),
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), nullable=False, index=True),
    Column("dialect", String(16), nullable=False, default=""),
    Column("since", Float, nullable=False),
    Column("until", Float, nullable=True),
)

tag = Table(
    "tag",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(64), primary_key=True),
)

reading = Table(
    "reading",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("node", String(255), primary_key=True),
    Column("prop", String(255), primary_key=True),
    Column("value", Text, nullable=False),
    Column("num", Float, nullable=True),
    Column("at", Float, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("metric", String(255), primary_key=True),
    Column("resolution", Integer, primary_key=True),
    Column("bucket", Integer, primary_key=True),
    Column("packed", LargeBinary, nullable=False),
)

firmware = Table(
    "firmware",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("md5", String(32), nullable=False, index=True),
    Column("name", String(255), nullable=False),
    Column("version", String(255), nullable=False),
    Column("version_key", String(255), nullable=False, default=""),
    Column("filename", String(255), nullable=False, unique=True),
    Column("brand", String(255), nullable=False, default=""),
    Column("chip", String(16), nullable=False, default=""),
    Column("flash", Integer, nullable=False, default=0),
    Column("mode", String(8), nullable=False, default=""),
    Column("kind", String(16), nullable=False, default="application"),
    Column("size", Integer, nullable=False),
    Column("inspection", JSON, nullable=False, default=dict),
    Column("description", Text, nullable=False, default=""),
    Column("uploaded_at", Float, nullable=False),
    Column("uploaded_by", String(64), nullable=False, default=""),
    Column("bytes", LargeBinary, nullable=True),  # only with PostgreSQL, where files are a cache
    Index("firmware_name_version", "name", "version"),
)

target = Table(
    "target",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("source", String(64), nullable=False, default=""),
    Column("until", Float, nullable=True),
)

learned = Table(
    "learned",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("fact", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("evidence", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("previous_sha256", String(64), nullable=False, default=""),
    Column("attempt", Integer, nullable=False, default=1),
    Column("rollout_id", Integer, nullable=True),
    Column("wave", Integer, nullable=True),
    Column("state", String(16), nullable=False),
    Column("state_since", Float, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("offered_at", Float, nullable=True),
    # Set by compare-and-set before the first byte of the image leaves: what says “sent” even after a crash.
    Column("image_at", Float, nullable=True),
    Column("deadline", Float, nullable=True),
    Column("not_before", Float, nullable=True),
    Column("reason", Text, nullable=False, default=""),
    Column("harmful", Boolean, nullable=True),
    Column("late", Boolean, nullable=False, default=False),
    Column("bytes_done", Integer, nullable=False, default=0),
    Column("bytes_total", Integer, nullable=False, default=0),
    Column("before", JSON, nullable=False, default=dict),
    Column("after", JSON, nullable=False, default=dict),
    Column("override", Text, nullable=False, default=""),
    Column("created_by", String(64), nullable=False, default=""),
    Index("deployment_of_device", "device_pk", "id"),
    Index("deployment_in_state", "state", "deadline"),
)

Index(
    "deployment_one_active",
    deployment.c.device_pk,
    unique=True,
    sqlite_where=text("state NOT IN ('succeeded', 'failed', 'cancelled')"),
    postgresql_where=text("state NOT IN ('succeeded', 'failed', 'cancelled')"),
)

event = Table(
    "event",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at", Float, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("device_pk", BigInteger, nullable=True, index=True),
    Column("deployment_id", BigInteger, nullable=True, index=True),
    Column("actor", String(64), nullable=False, default=""),
    Column("data", JSON, nullable=False, default=dict),
)

verdict = Table(
    "verdict",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("code", String(32), nullable=False),
    Column("evidence", Text, nullable=False, default=""),
    Column("since", Float, nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("token", Integer, nullable=False),
    Column("expires_at", Float, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("why", Text, nullable=False, default=""),
    Column("from_where", String(64), nullable=False, default=""),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", String(255), nullable=False),
    Column("role", String(16), nullable=False, default="admin"),
    Column("created_at", Float, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("label", String(64), nullable=False),
    Column("account", ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    Column("scope", String(64), nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=True),
    Column("last_used", Float, nullable=True),
)

session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account", ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)

ota_token = Table(
    "ota_token",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("deployment_id", BigInteger, nullable=True),
    Column("until", Float, nullable=False),
)

ota_request = Table(
    "ota_request",
    metadata,
    # What somebody published to a 1.5 device's `$ota`: the licence for the image that it then asks for.
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("wanted", String(64), nullable=False),
    Column("at", Float, nullable=False),
)
