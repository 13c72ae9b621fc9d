"""Devices that a person deleted, kept for a while as they were."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, String, Table

from homie_ota.store.tables.base import metadata

removed = Table(
    "removed",
    metadata,
    # What was its `device.pk`, which no other device gets meanwhile.
    Column("device_pk", BigInteger, primary_key=True, autoincrement=False),
    Column("base", String(255), nullable=False),
    Column("device_id", String(255), nullable=False),
    Column("name", String(255), nullable=False, default=""),
    Column("at", Float, nullable=False),
    Column("by", String(64), nullable=False, default=""),
    # Table → rows; bytes as base64 under `$bytes`.
    Column("rows", JSON, nullable=False, default=dict),
    # Topic → payload of what the broker kept of it and may be put back.
    Column("topics", JSON, nullable=False, default=dict),
    Index("removed_when", "at"),
)
