from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.store import accounts
from homie_ota.store.accounts import Right
from homie_ota.store.tables import account, metadata, session, token

NOW = 1_700_000_000.0


@pytest.fixture
def conn(tmp_path: Path):  # type: ignore[no-untyped-def]
    engine = sa.create_engine(f"sqlite:///{tmp_path}/accounts.sqlite")
    with engine.begin() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def test_the_first_start_makes_an_admin_whose_password_is_told_once(conn: Connection) -> None:
    password = accounts.ensure_admin(conn, NOW)
    assert password is not None
    assert accounts.ensure_admin(conn, NOW) is None
    found = accounts.check_password(conn, "admin", password)
    assert found is not None
    assert found.rights == frozenset(Right)


def test_two_first_starts_have_different_passwords(conn: Connection) -> None:
    first = accounts.ensure_admin(conn, NOW)
    conn.execute(sa.delete(account))
    assert accounts.ensure_admin(conn, NOW) != first


@pytest.mark.parametrize("name", ["admin", "nobody", "", "admin' OR 1=1 --"])
@pytest.mark.parametrize("password", ["", "wrong", "x" * 100_000])
def test_a_wrong_name_or_password_is_nobody(conn: Connection, name: str, password: str) -> None:
    accounts.ensure_admin(conn, NOW)
    assert accounts.check_password(conn, name, password) is None


def test_an_unknown_name_is_checked_against_a_hash_like_a_known_one(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts.ensure_admin(conn, NOW)
    seen: list[str] = []
    real = accounts._hasher.verify

    class Watched:
        def verify(self, stored: str, password: str) -> bool:
            seen.append(stored)
            return real(stored, password)

    monkeypatch.setattr(accounts, "_hasher", Watched())
    accounts.check_password(conn, "admin", "wrong-one")
    accounts.check_password(conn, "nobody", "wrong-one")
    parameters = [stored.rpartition("$")[0].rpartition("$")[0] for stored in seen]
    assert len(seen) == 2
    assert parameters[0] == parameters[1]


def test_nothing_secret_is_in_the_database(conn: Connection) -> None:
    password = accounts.ensure_admin(conn, NOW)
    cookie = accounts.open_session(conn, "admin", NOW)
    secret = accounts.make_token(conn, name="admin", label="ci", rights=[Right.READ], now=NOW, seconds=None)
    stored = str([conn.execute(sa.select(table)).all() for table in (account, session, token)])
    assert password is not None
    assert not any(word in stored for word in (password, cookie, secret))


def test_a_session_ends_at_logout_and_by_itself(conn: Connection) -> None:
    accounts.ensure_admin(conn, NOW)
    first = accounts.open_session(conn, "admin", NOW, 100)
    second = accounts.open_session(conn, "admin", NOW, 100)
    assert accounts.by_session(conn, first, NOW + 99) is not None
    accounts.close_session(conn, first)
    assert accounts.by_session(conn, first, NOW + 1) is None
    assert accounts.by_session(conn, second, NOW + 1) is not None
    assert accounts.by_session(conn, second, NOW + 100) is None


def test_a_new_password_ends_every_session_and_the_old_password(conn: Connection) -> None:
    old = accounts.ensure_admin(conn, NOW) or ""
    cookie = accounts.open_session(conn, "admin", NOW)
    new = accounts.reset(conn, "admin")
    assert accounts.by_session(conn, cookie, NOW) is None
    assert accounts.check_password(conn, "admin", old) is None
    assert accounts.check_password(conn, "admin", new) is not None


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_of_the_wrong_length_is_refused(conn: Connection, password: str) -> None:
    accounts.ensure_admin(conn, NOW)
    with pytest.raises(WrongUse, match="8 to 256"):
        accounts.set_password(conn, "admin", password)


def test_an_account_that_does_not_exist_cannot_be_reset(conn: Connection) -> None:
    with pytest.raises(NotFound, match="bob"):
        accounts.reset(conn, "bob")


def test_a_name_is_taken_once_and_a_role_must_exist(conn: Connection) -> None:
    accounts.create(conn, "bob", "viewer", NOW)
    with pytest.raises(Conflict, match="bob"):
        accounts.create(conn, "bob", "viewer", NOW)
    with pytest.raises(WrongUse, match="operator"):
        accounts.create(conn, "eve", "king", NOW)


def test_a_token_has_the_rights_it_was_given_until_it_expires(conn: Connection) -> None:
    accounts.ensure_admin(conn, NOW)
    secret = accounts.make_token(
        conn, name="admin", label="ci", rights=[Right.READ, Right.UPLOAD], now=NOW, seconds=60
    )
    found = accounts.by_token(conn, secret, NOW + 59)
    assert found is not None
    assert found.rights == {Right.READ, Right.UPLOAD}
    assert accounts.by_token(conn, secret, NOW + 60) is None
    assert accounts.by_token(conn, secret + "x", NOW) is None


def test_a_token_loses_what_its_account_loses(conn: Connection) -> None:
    accounts.ensure_admin(conn, NOW)
    secret = accounts.make_token(
        conn, name="admin", label="", rights=[Right.READ, Right.DEPLOY], now=NOW, seconds=None
    )
    conn.execute(sa.update(account).values(role="viewer"))
    found = accounts.by_token(conn, secret, NOW)
    assert found is not None
    assert found.rights == {Right.READ}


def test_nobody_makes_a_token_that_may_more_than_they_may(conn: Connection) -> None:
    accounts.create(conn, "bob", "viewer", NOW)
    for rights in ([Right.DEPLOY], []):
        with pytest.raises(WrongUse):
            accounts.make_token(conn, name="bob", label="", rights=rights, now=NOW, seconds=None)


def test_a_revoked_token_opens_nothing_and_only_its_owner_revokes_it(conn: Connection) -> None:
    accounts.ensure_admin(conn, NOW)
    accounts.create(conn, "bob", "viewer", NOW)
    secret = accounts.make_token(conn, name="admin", label="x", rights=[Right.READ], now=NOW, seconds=None)
    digest = accounts.tokens(conn, "admin")[0]["digest"]
    with pytest.raises(NotFound):
        accounts.revoke_token(conn, "bob", digest)
    accounts.revoke_token(conn, "admin", digest)
    assert accounts.by_token(conn, secret, NOW) is None
