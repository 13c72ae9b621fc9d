"""Accounts can be disabled, sessions say from where; the audit log cannot be changed, and its end is remembered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TRIGGERS = {
    "sqlite": [
        (
            "CREATE TRIGGER audit_no_update BEFORE update ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ),
        (
            "CREATE TRIGGER audit_no_delete BEFORE delete ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        ),
    ],
    "postgresql": [
        (
            "CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()"
        ),
        (
            "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        ),
    ],
}


def upgrade() -> None:
    """Add the columns, the table of the end with the end as it is, and the triggers."""
    op.add_column("account", sa.Column("disabled_at", sa.Float(), nullable=True))
    op.add_column("account", sa.Column("last_login", sa.Float(), nullable=True))
    op.add_column("session", sa.Column("from_where", sa.String(64), nullable=False, server_default=""))
    op.add_column("session", sa.Column("agent", sa.String(120), nullable=False, server_default=""))
    op.create_table(
        "audit_head",
        sa.Column("one", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.execute(
        "INSERT INTO audit_head (one, rows, hash) SELECT 1, (SELECT count(*) FROM audit), hash FROM audit "
        "ORDER BY seq DESC LIMIT 1"
    )
    for statement in _TRIGGERS[op.get_bind().dialect.name]:
        op.execute(statement)
