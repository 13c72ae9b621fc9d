"""What all tables share: one metadata, one kind of serial number."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

# SQLite counts up by itself only for INTEGER PRIMARY KEY; PostgreSQL wants 64 bits for what grows without an end.
Serial = BigInteger().with_variant(Integer, "sqlite")
