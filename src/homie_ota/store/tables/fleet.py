"""Devices: rows of their own, their addresses and tags, what they read and what was learned of them."""

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
    String,
    Table,
    Text,
)

from homie_ota.store.tables.base import Serial, metadata

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
    Column("fw_name", String(255), nullable=False, default=""),
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
    # The last few statistics, oldest first: [at, uptime, free heap, signal], None for what was not told.
    Column("recent", JSON, nullable=False, default=list),
    Index("device_address_now", "base", "device_id"),
    # How many run what; and by name alone.
    Index("device_firmware", "fw_name", "fw_version", "md5"),
    # Siblings that are awake, where ten thousand of a kind sleep.
    Index("device_running", "fw_name", "state"),
    Index("device_in_state", "state"),
    # How many of a kind run an image, without looking at the devices.
    Index("device_alike", "md5", "fw_name", "mac"),
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
    # Whoever names a device names its id, and hardly ever the kind of its address.
    Index("device_address_by_id", "device_id"),
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

learned = Table(
    "learned",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("fact", String(64), primary_key=True),
    Column("value", Text, nullable=False),
    Column("evidence", Text, nullable=False, default=""),
    Column("at", Float, nullable=False),
    # Who else took an image for this flash size, who else refused this one.
    Index("learned_alike", "fact", "value"),
)

verdict = Table(
    "verdict",
    metadata,
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("code", String(32), nullable=False),
    Column("evidence", Text, nullable=False, default=""),
    Column("since", Float, nullable=False),
)

presence = Table(
    "presence",
    metadata,
    # When a device was awake; `until` is None while it still is.
    Column("device_pk", ForeignKey("device.pk", ondelete="CASCADE"), primary_key=True),
    Column("since", Float, primary_key=True),
    Column("until", Float, nullable=True),
)

leftover = Table(
    "leftover",
    metadata,
    # A retained image or `$ota` on the broker: the device would flash it at every connect.
    Column("topic", String(255), primary_key=True),
    Column("device_pk", BigInteger, nullable=True),
    Column("kind", String(16), nullable=False),  # `image` or `ota`
    Column("text", Text, nullable=False, default=""),
    Column("size", Integer, nullable=False, default=0),
    Column("found_at", Float, nullable=False),
    # A person asked to clear it: when, and who.
    Column("asked_at", Float, nullable=True),
    Column("asked_by", String(64), nullable=False, default=""),
)
