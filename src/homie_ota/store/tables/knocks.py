"""Who asks over HTTP for an update and is not known here."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table

from homie_ota.store.tables.base import metadata

knock = Table(
    "knock",
    metadata,
    # Of each network apart: what one tells under a MAC that is not its own changes nothing for its owner.
    Column("network", String(64), primary_key=True),
    Column("mac", String(17), primary_key=True),
    Column("address", String(64), nullable=False, default=""),
    Column("ap_mac", String(17), nullable=False, default=""),
    Column("family", String(16), nullable=False, default=""),
    Column("mode", String(16), nullable=False, default=""),
    Column("version", String(255), nullable=False, default=""),
    Column("sdk", String(255), nullable=False, default=""),
    Column("free_space", Integer, nullable=True),
    Column("sketch_size", Integer, nullable=True),
    Column("chip_size", Integer, nullable=True),
    Column("md5", String(32), nullable=False, default=""),
    Column("sha256", String(64), nullable=False, default=""),
    Column("count", Integer, nullable=False, default=1),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    Index("knock_by_mac", "mac"),
)
