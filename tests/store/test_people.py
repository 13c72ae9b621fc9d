"""What an administrator does with accounts, and what ends with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.store import accounts, people
from homie_ota.store.accounts import Right
from homie_ota.store.database import Database
from homie_ota.store.tables import account, metadata, session, token

NOW = 1_700_000_000.0


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/people.sqlite")
    with engine.begin() as connection:
        metadata.create_all(connection)
        accounts.ensure_admin(connection, NOW)
        yield connection
    engine.dispose()


@pytest.fixture
def bob(conn: Connection) -> dict[str, str]:
    """An operator with a session and a token."""
    password = accounts.create(conn, "bob", "operator", NOW)
    cookie = accounts.open_session(conn, "bob", NOW, where="10.0.0.7", agent="Mozilla/5.0")
    secret = accounts.make_token(conn, name="bob", label="ci", rights=[Right.READ], now=NOW, seconds=None)
    return {"password": password, "cookie": cookie, "token": secret}


def comes_in(conn: Connection, bob: dict[str, str]) -> tuple[bool, bool, bool]:
    """By password, session and token."""
    return (
        accounts.check_password(conn, "bob", bob["password"]) is not None,
        accounts.by_session(conn, bob["cookie"], NOW) is not None,
        accounts.by_token(conn, bob["token"], NOW) is not None,
    )


def test_a_smaller_role_ends_the_sessions_and_a_larger_one_does_not(
    conn: Connection, bob: dict[str, str]
) -> None:
    people.set_role(conn, "bob", "admin")
    assert comes_in(conn, bob) == (True, True, True)
    people.set_role(conn, "bob", "viewer")
    assert comes_in(conn, bob) == (True, False, True)


def test_a_disabled_account_opens_nothing_until_it_is_enabled(conn: Connection, bob: dict[str, str]) -> None:
    people.disable(conn, "bob", NOW)
    assert comes_in(conn, bob) == (False, False, False)
    assert accounts.get(conn, "bob") is None
    with pytest.raises(NotFound):
        accounts.make_token(conn, name="bob", label="x", rights=[Right.READ], now=NOW, seconds=None)
    people.enable(conn, "bob")
    assert comes_in(conn, bob) == (True, False, True)


def test_a_removed_account_leaves_no_session_and_no_token(conn: Connection, bob: dict[str, str]) -> None:
    people.remove(conn, "bob")
    assert comes_in(conn, bob) == (False, False, False)
    for table in (session, token):
        assert conn.execute(sa.select(table).where(table.c.account == "bob")).all() == []
    accounts.create(conn, "bob", "viewer", NOW)  # another bob has none of the first one's
    assert comes_in(conn, bob) == (False, False, False)


def test_a_disabled_user_of_an_old_ini_stays_disabled(conn: Connection) -> None:
    accounts.adopt(conn, "jp", "secret-pw", NOW)
    people.disable(conn, "jp", NOW)
    accounts.adopt(conn, "jp", "secret-pw", NOW)
    assert accounts.check_password(conn, "jp", "secret-pw") is None


def test_the_list_has_what_tells_an_account_and_nothing_that_proves_it(
    conn: Connection, bob: dict[str, str]
) -> None:
    found = {row["name"]: row for row in people.listing(conn, NOW)}
    assert list(found) == ["admin", "bob"]
    assert (found["bob"]["role"], found["bob"]["sessions"], found["bob"]["tokens"]) == ("operator", 1, 1)
    assert found["bob"]["last_login"] == NOW
    assert (found["admin"]["sessions"], found["admin"]["last_login"]) == (0, None)
    assert not {"password_hash", "digest"} & set(found["bob"])
    assert people.one(conn, "bob", NOW) == found["bob"]


def test_sessions_are_listed_and_ended_one_by_one_or_all_but_this(
    conn: Connection, bob: dict[str, str]
) -> None:
    second = accounts.open_session(conn, "bob", NOW + 1)
    accounts.open_session(conn, "bob", NOW + 2, 5)
    listed = people.sessions(conn, "bob", NOW + 10)
    assert [each["created_at"] for each in listed] == [NOW + 1, NOW]
    assert (listed[1]["from_where"], listed[1]["agent"]) == ("10.0.0.7", "Mozilla/5.0")
    people.end_session(conn, "bob", listed[1]["digest"])
    assert accounts.by_session(conn, bob["cookie"], NOW) is None
    with pytest.raises(NotFound):
        people.end_session(conn, "admin", listed[0]["digest"])
    third = accounts.open_session(conn, "bob", NOW + 3)
    assert people.end_sessions(conn, "bob", but=third) == 2
    assert accounts.by_session(conn, second, NOW) is None
    assert accounts.by_session(conn, third, NOW + 4) is not None


@pytest.mark.parametrize("name", ["", " ", "a:b", "a b", "-x", "x" * 65, "a\nb", "a/b", "<script>"])
def test_a_name_is_one_word_without_a_colon(conn: Connection, name: str) -> None:
    with pytest.raises(WrongUse, match="1 to 64"):
        accounts.create(conn, name, "viewer", NOW)


def test_a_token_ends_on_a_day_to_come(conn: Connection) -> None:
    for seconds in (0, -1):
        with pytest.raises(WrongUse, match="ended before"):
            accounts.make_token(conn, name="admin", label="x", rights=[Right.READ], now=NOW, seconds=seconds)


def test_a_token_is_revoked_by_the_beginning_of_its_digest_if_that_is_long_enough(
    conn: Connection, bob: dict[str, str]
) -> None:
    digest = accounts.digest(bob["token"])
    for too_little in ("", digest[:7], "0" * 64):
        with pytest.raises(NotFound):
            accounts.revoke_token(conn, None, too_little)
    assert accounts.revoke_token(conn, None, digest[:8])["label"] == "ci"
    assert accounts.by_token(conn, bob["token"], NOW) is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["viewer", "operator", "admin", "disable", "enable", "remove", "create"]),
        st.sampled_from(["admin", "bob", "eve"]),
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_is_done_one_administrator_may_come_in(steps: list[tuple[str, str]]) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        rows = [
            {"name": name, "password_hash": "x", "role": "admin", "created_at": NOW}
            for name in ("admin", "bob")
        ]
        connection.execute(sa.insert(account), rows)
        for what, name in steps:
            try:
                _do(connection, what, name)
            except (Conflict, NotFound):
                continue
            open_ = [each for each in people.listing(connection, NOW) if each["disabled_at"] is None]
            assert "admin" in {each["role"] for each in open_}
    engine.dispose()


def _do(conn: Connection, what: str, name: str) -> None:
    if what == "disable":
        people.disable(conn, name, NOW)
    elif what == "enable":
        people.enable(conn, name)
    elif what == "remove":
        people.remove(conn, name)
    elif what == "create":
        if accounts.password_hash(conn, name) is None:
            row = {"name": name, "password_hash": "x", "role": "viewer", "created_at": NOW}
            conn.execute(sa.insert(account).values(row))
    else:
        people.set_role(conn, name, what)


def test_on_postgresql_it_is_the_same(postgres: str) -> None:
    database = Database(postgres.replace("postgresql+psycopg", "postgresql"))
    try:
        database.migrate()
        assert database.write_now(lambda c: people.begin(c, NOW)) is not None
        database.write_now(lambda c: accounts.create(c, "bob", "operator", NOW))
        cookie = database.write_now(lambda c: accounts.open_session(c, "bob", NOW, agent="é" * 500))
        database.write_now(
            lambda c: accounts.make_token(c, name="bob", label="x", rights=[Right.READ], now=NOW, seconds=9)
        )
        (_, bob) = database.read_now(lambda c: people.listing(c, NOW))
        assert (bob["name"], bob["sessions"], bob["tokens"]) == ("bob", 1, 1)
        database.write_now(lambda c: people.set_role(c, "bob", "viewer"))
        assert database.read_now(lambda c: accounts.by_session(c, cookie, NOW)) is None
        with pytest.raises(Conflict):
            database.write_now(lambda c: people.disable(c, "admin", NOW))
        database.write_now(lambda c: people.remove(c, "bob"))
        assert [each["name"] for each in database.read_now(lambda c: people.listing(c, NOW))] == ["admin"]
    finally:
        database.close()
