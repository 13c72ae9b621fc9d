"""Devices that tell no checksum are found by name and version without looking at those that do."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """The index by name and version gets the checksum behind them."""
    op.drop_index("device_firmware", "device")
    op.create_index("device_firmware", "device", ["fw_name", "fw_version", "md5"])
