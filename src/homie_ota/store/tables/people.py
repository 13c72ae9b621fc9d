"""Accounts, sessions, tokens, and the audit log, which the database itself keeps from being changed."""

from __future__ import annotations

from sqlalchemy import DDL, Column, Float, ForeignKey, Index, Integer, String, Table, Text, event

from homie_ota.store.tables.base import Serial, metadata

audit = Table(
    "audit",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("why", Text, nullable=False, default=""),
    Column("from_where", String(64), nullable=False, default=""),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("audit_by", "who", "seq"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("rows", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row: how many rows the audit log has, and the hash of the last; a log that was cut off does not fit it."""

_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER audit_no_{word} BEFORE {word} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for word in ("update", "delete")
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
for _dialect, _statements in _APPEND_ONLY.items():
    for _statement in _statements:
        event.listen(audit, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

account = Table(
    "account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", String(255), nullable=False),
    Column("role", String(16), nullable=False, default="admin"),
    Column("created_at", Float, nullable=False),
    Column("disabled_at", Float, nullable=True),
    Column("last_login", Float, nullable=True),
)

token = Table(
    "token",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("label", String(64), nullable=False),
    Column("account", ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    Column("scope", String(64), nullable=False, default=""),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=True),
    Column("last_used", Float, nullable=True),
)

session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("account", ForeignKey("account.name", ondelete="CASCADE"), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("from_where", String(64), nullable=False, server_default=""),
    Column("agent", String(120), nullable=False, server_default=""),
)
