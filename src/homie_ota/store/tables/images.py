"""Firmware: what is stored, and who may fetch it once."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

from homie_ota.store.tables.base import metadata

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
    Column("changelog", Text, nullable=False, default=""),
    # Why a person stored it although the inspection refused it.
    Column("override", Text, nullable=False, default=""),
    # What has to run before it: a constraint on the running version, like `>=1.5` (stepping stones).
    Column("requires", String(64), nullable=False, default=""),
    # What a bench device showed: `renewable` (can be updated again), `dead-end`, empty: not tried.
    Column("proven", String(16), nullable=False, default=""),
    Column("uploaded_at", Float, nullable=False),
    Column("uploaded_by", String(64), nullable=False, default=""),
    Column("bytes", LargeBinary, nullable=True),  # only with PostgreSQL, where files are a cache
    Index("firmware_name_version", "name", "version"),
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
