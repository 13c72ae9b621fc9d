"""HTTP_USER and HTTP_PASSWORD of the old INI as an account, so that scripts with `curl -u` go on.

Rule: an account that is there keeps its password; what was taken over is in the audit log.
"""

from __future__ import annotations

from homie_ota.migrate.into import Into
from homie_ota.migrate.report import Report, Took
from homie_ota.store import accounts, audit
from homie_ota.store.database import Connection

KIND = "login"


def take(into: Into, name: str, password: str, report: Report) -> None:
    """Make the account, or in a dry run say that it would be made."""
    if not name:
        text = (
            "The old server was open to all. The first start makes an account admin and shows its password."
        )
        report.add(KIND, "HTTP_USER", Took.LEFT, text)
    elif not accounts.NAME.fullmatch(name):
        text = "No account can be called so. Make one with: homie-ota user add NAME."
        report.add(KIND, name, Took.REFUSED, text)
    elif into.ask(lambda conn: accounts.password_hash(conn, name), None):
        report.add(KIND, name, Took.THERE, "There is an account of this name; its password stays as it is.")
    else:
        _make(into, name, password)
        weak = " It is short: choose a better one." if len(password) < accounts.SHORTEST_PASSWORD else ""
        report.add(KIND, name, Took.TAKEN, f"An account (admin) with the password of HTTP_PASSWORD.{weak}")


def _make(into: Into, name: str, password: str) -> None:
    def write(conn: Connection) -> None:
        accounts.adopt(conn, name, password, into.now)
        audit.add(
            conn,
            at=into.now,
            who=into.by,
            what="made an account",
            why=f"{name}, admin: that of the old server's INI",
            from_where=audit.MACHINE,
        )

    if into.rows is not None:
        into.rows.write_now(write)
