"""Indexes that count: devices by what they run, deployments by how they ended."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """One index of devices for another, and a new one of deployments."""
    op.drop_index("ix_device_fw_name", "device")
    op.create_index("device_firmware", "device", ["fw_name", "fw_version"])
    op.create_index("deployment_ends", "deployment", ["code", "outcome", "state"])
