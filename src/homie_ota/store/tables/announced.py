"""What was told elsewhere and has to be taken back there when it is no more so."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, String, Table

from homie_ota.store.tables.base import metadata

announced = Table(
    "announced",
    metadata,
    # The name of the device in Home Assistant's topics; what is retained there outlives the device and us.
    Column("object_id", String(64), primary_key=True),
    Column("device_pk", BigInteger, nullable=False),
    # Below which prefix of discovery, and whether with its sensors.
    Column("prefix", String(255), nullable=False),
    Column("diagnostics", Boolean, nullable=False),
    Column("at", Float, nullable=False),
)
