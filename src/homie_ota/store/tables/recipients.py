"""Who elsewhere is told what happens: how far each one is in the log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Table, Text, false

from homie_ota.store.tables.base import metadata

recipient = Table(
    "recipient",
    metadata,
    # Made of a digest of the address: the address itself may hold a secret, and stays in the settings.
    Column("name", String(64), primary_key=True),
    # The number of the last event that it was told, or that was not for it.
    Column("reached", BigInteger, nullable=False),
    Column("waiting", Integer, nullable=False, server_default="0"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("failing_since", Float, nullable=True),
    Column("next_at", Float, nullable=False, server_default="0"),
    Column("last_ok", Float, nullable=True),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("is_dead", Boolean, nullable=False, server_default=false()),
    # Events that it was not told because they got too old, all behind the number `lost_after`.
    Column("lost", Integer, nullable=False, server_default="0"),
    Column("lost_after", BigInteger, nullable=False, server_default="0"),
)
