"""Indexes: devices that are alike, a device by its id alone, and the deployments of one state in their order."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("device_alike", "device", ["md5", "fw_name", "mac"])
    op.create_index("device_address_by_id", "device_address", ["device_id"])
    op.create_index("deployment_of_state", "deployment", ["state", "id"])
