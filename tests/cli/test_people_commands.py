"""`user`, `token` and `audit`: on the machine itself and over the API, with the same words and the same traces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cli.conftest import Run
from homie_ota.store import accounts, audit
from homie_ota.store.database import Database
from homie_ota.store.tables import account
from webserver import WebServer

Way = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["here", "there"])
def way(request: pytest.FixtureRequest, run: Run, server: WebServer) -> Way:
    """A command on the database of the server, or asking the server."""
    others = sa.delete(account).where(account.c.name != "admin")
    server.database.write_now(lambda conn: conn.execute(others))
    where = ["--data", str(server.folder)] if request.param == "here" else []
    return lambda *argv: run(*argv, *where)


def proven(server: WebServer, name: str, password: str) -> bool:
    return server.database.read_now(lambda conn: accounts.check_password(conn, name, password)) is not None


def told(server: WebServer) -> list[tuple[str, str]]:
    return [(row["what"], row["why"]) for row in server.database.read_now(audit.recent)][::-1]


def test_an_account_from_its_beginning_to_its_end(way: Way, server: WebServer) -> None:
    before = len(told(server))
    status, out, _ = way("user", "add", "bob", "--role", "operator")
    assert (status, out.startswith("account bob (operator), password ")) == (0, True)
    assert proven(server, "bob", out.split()[-1])
    assert way("user", "role", "bob", "viewer") == (0, "bob is viewer now.\n", "")
    assert way("user", "disable", "bob")[0] == 0
    assert not proven(server, "bob", out.split()[-1])
    assert [row.split()[:3] for row in way("user", "list")[1].splitlines()[1:]][1] == [
        "bob",
        "viewer",
        "disabled",
    ]
    assert way("user", "enable", "bob")[0] == 0
    new = way("user", "reset", "bob")[1].split()[-1]
    assert proven(server, "bob", new)
    assert way("user", "logout", "bob")[1] == "0 sessions have ended.\n"
    assert way("user", "remove", "bob")[1] == "bob is no account any more.\n"
    assert [what for what, _ in told(server)[before:]] == [
        "made an account", "changed a role", "disabled an account", "enabled an account", "reset a password",
        "logged out everywhere", "removed an account",
    ]  # fmt: skip
    assert new not in str(told(server))


def test_whoever_gives_a_disabled_account_a_password_is_told_that_this_does_not_let_it_in(way: Way) -> None:
    way("user", "add", "bob", "--role", "operator"), way("user", "disable", "bob")
    status, out, err = way("user", "reset", "bob")
    assert (status, out.startswith("account bob, new password ")) == (0, True)
    assert "homie-ota user enable bob" in err
    way("user", "enable", "bob")
    assert way("user", "reset", "bob")[2] == ""


@pytest.mark.parametrize(
    ("argv", "status", "word"),
    [
        (("user", "role", "nobody", "viewer"), 3, "nobody"),
        (("user", "add", "admin"), 4, "already"),
        (("user", "add", "a:b"), 2, "1 to 64"),
        (("user", "disable", "admin"), 4, "only administrator"),
        (("user", "remove", "admin"), 4, "only administrator"),
        (("user", "logout", "nobody"), 3, "nobody"),
        (("token", "revoke", "0123456789"), 3, "no such token"),
        (("token", "make", "x", "--rights", "fly"), 2, "fly"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(way: Way, argv: tuple[str, ...], status: int, word: str) -> None:
    found, out, err = way(*argv)
    assert (found, out) == (status, "")
    assert word in err


def test_a_token_is_made_listed_and_revoked(way: Way, server: WebServer, run: Run) -> None:
    status, out, _ = way("token", "make", "ci", "--rights", "read", "--days", "2", "--owner", "admin")
    assert status == 0
    secret = out.strip()
    assert run("--token", secret, "firmware")[0] == 0
    assert run("--token", secret, "cancel", "1")[0] == 4
    listed = json.loads(way("token", "list", "--json")[1])
    (found,) = [each for each in listed if each["label"] == "ci"]
    assert found["rights"] == ["read"]
    assert secret not in str(listed)
    assert way("token", "revoke", found["id"])[0] == 0
    assert run("--token", secret, "firmware")[0] == 4


def test_here_the_audit_log_names_who_is_logged_in_on_the_machine(server: WebServer, run: Run) -> None:
    import getpass

    run("user", "reset", "admin", "--data", str(server.folder))
    last = server.database.read_now(audit.recent)[0]
    assert (last["who"], last["from_where"]) == (getpass.getuser(), "command line")


def test_a_whole_log_is_said_to_be_whole_with_the_hash_to_keep(way: Way, server: WebServer) -> None:
    way("user", "add", "bob")
    status, out, _ = way("audit", "verify")
    head = server.database.read_now(audit.head)
    assert (status, out.splitlines()[0]) == (
        0, f"The audit log is whole: {head.rows} rows, up to {head.hash}"
    )  # fmt: skip
    assert way("audit", "verify", "--kept", head.hash)[0] == 0
    assert way("audit", "verify", "--kept", "f" * 64)[0] == 1


def test_an_exported_log_is_checked_anywhere(way: Way, server: WebServer, tmp_path: Path, run: Run) -> None:
    way("user", "add", "bob")
    way("user", "role", "bob", "viewer")
    file = tmp_path / "audit.jsonl"
    assert way("audit", "export", "-o", str(file))[0] == 0
    assert way("audit", "export")[1] == file.read_text()
    assert run("audit", "verify", str(file))[0] == 0
    lines = file.read_text().splitlines()
    for broken, word in (
        ([*lines[:-2], lines[-1]], "missing at the end"),
        (lines[1:], "does not follow"),
        (lines[:-1], ""),
        ([lines[0].replace('"who": "', '"who": "x'), *lines[1:]], "was changed"),
    ):
        file.write_text("\n".join(broken))
        status, out, err = run("audit", "verify", str(file))
        assert (status, word in out + err) == (1, True), out


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", 1), ("no json", 2), ("[]", 2), ('{"seq": 1}', 2), ('{"end": 1}\n{}', 2), (None, 2)],
)
def test_what_is_no_audit_log_is_a_sentence(run: Run, tmp_path: Path, text: str | None, wanted: int) -> None:
    file = tmp_path / "x"
    if text is not None:
        file.write_text(text)
    status, _, err = run("audit", "verify", str(file))
    assert (status, err.startswith("homie-ota: ")) == (wanted, True)


@pytest.fixture
def tampered(tmp_path: Path) -> Path:
    """A database in which somebody changed the first of three rows, with the database's own tools."""
    database = Database(str(tmp_path / "homie-ota.sqlite3"))
    database.migrate()

    def change(conn: Any) -> None:
        for number in range(3):
            audit.add(conn, at=float(number), who="bob", what="updated everything")
        conn.execute(sa.text("DROP TRIGGER audit_no_update"))
        conn.execute(sa.text("UPDATE audit SET who = 'eve' WHERE seq = 1"))

    database.write_now(change)
    database.close()
    return tmp_path


def test_a_changed_row_is_found_on_the_machine(
    tampered: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = run("audit", "verify", "--data", str(tampered))
    assert (status, out) == (
        1, "The audit log is not as it was written. Row 1 was changed: it is not what its hash was made of.\n"
    )  # fmt: skip
    found = json.loads(run("audit", "verify", "--json", "--data", str(tampered))[1])
    assert (found["whole"], found["seq"]) == (False, 1)
