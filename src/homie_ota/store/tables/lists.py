"""How people look at the fleet: filters that were given a name."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table, Text

from homie_ota.store.tables.base import metadata

saved_filter = Table(
    "saved_filter",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("query", Text, nullable=False),
    # As lists take them: a word of SORTS, and columns joined by commas; empty: as usual.
    Column("sort", String(32), nullable=False, default=""),
    Column("columns", String(255), nullable=False, default=""),
    Column("saved_at", Float, nullable=False),
    Column("saved_by", String(64), nullable=False, default=""),
)
