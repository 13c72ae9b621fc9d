"""What was ordered for one device is its target, like what a rollout brings."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Devices without a target get what was ordered of them last, unless it was taken back."""
    op.execute(
        """
        INSERT INTO target (device_pk, sha256, source)
        SELECT d.device_pk, d.sha256, 'order' FROM deployment AS d
        WHERE d.rollout_id IS NULL AND d.state <> 'cancelled'
          AND NOT EXISTS (SELECT 1 FROM deployment AS later WHERE later.device_pk = d.device_pk AND later.id > d.id)
          AND NOT EXISTS (SELECT 1 FROM target AS mine WHERE mine.device_pk = d.device_pk)
        """
    )
