"""Events name the image that they are about; indexes by which the log is filtered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the column, filled for the deployments that are still known, and the indexes."""
    op.add_column("event", sa.Column("sha256", sa.String(64), nullable=False, server_default=""))
    op.execute(
        "UPDATE event SET sha256 = COALESCE("
        "(SELECT sha256 FROM deployment WHERE deployment.id = event.deployment_id), '') "
        "WHERE deployment_id IS NOT NULL"
    )
    for name, column in (
        ("of_kind", "kind"),
        ("by_actor", "actor"),
        ("of_firmware", "sha256"),
        ("in_time", "at"),
    ):
        op.create_index(f"event_{name}", "event", [column, "seq"])
    op.create_index("audit_by", "audit", ["who", "seq"])
