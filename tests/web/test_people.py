"""Accounts, sessions and tokens over the page and the API: who may change whose, and what is shown only once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from homie_ota.store import accounts, audit, chain, people
from homie_ota.store.accounts import Right
from web.test_gate import logged_in
from web.world import BROWSER, World, form_word

API = "/api/v1"


@pytest.fixture
def guarded(make_world: Callable[..., World]) -> World:
    return make_world(admin=True)


def somebody(world: World, name: str, role: str) -> tuple[str, str]:
    return name, world.write(lambda conn: accounts.create(conn, name, role, time.time()))


def token(world: World, name: str, *rights: Right) -> dict[str, str]:
    secret = world.write(
        lambda conn: accounts.make_token(
            conn, name=name, label="test", rights=rights, now=time.time(), seconds=None
        )
    )
    return {"authorization": f"Bearer {secret}"}


def told(world: World) -> list[tuple[str, str, str]]:
    rows = world.read(lambda conn: list(audit.everything(conn)))
    return [(row["who"], row["what"], row["why"]) for row in rows]


# --- The page -----------------------------------------------------------------------------------------------------


def on_people(world: World, **fields: str) -> Any:
    client = logged_in(world)
    return client.post("/people", data={"word": form_word(client.get("/people")), **fields})


def test_an_administrator_adds_somebody_whose_password_is_shown_once(guarded: World) -> None:
    answer = on_people(guarded, action="add", name="bob", role="operator")
    password = answer.text.partition('class="secret">')[2].partition("<")[0]
    assert guarded.client().get("/blurb", auth=("bob", password)).status_code == 200
    assert password not in logged_in(guarded).get("/people").text
    assert ("admin", "made an account", "bob, operator") in told(guarded)
    assert password not in str(told(guarded))


def test_what_the_page_does_to_somebody(guarded: World) -> None:
    bob = somebody(guarded, "bob", "operator")
    curl = guarded.client()
    assert on_people(guarded, action="role", name="bob", role="viewer").status_code == 303
    assert curl.post("/update", auth=bob).status_code == 403
    assert on_people(guarded, action="disable", name="bob").status_code == 303
    assert curl.get("/blurb", auth=bob).status_code == 401
    assert on_people(guarded, action="enable", name="bob").status_code == 303
    assert curl.get("/blurb", auth=bob).status_code == 200
    new = (
        on_people(guarded, action="reset", name="bob").text.partition('class="secret">')[2].partition("<")[0]
    )
    assert curl.get("/blurb", auth=bob).status_code == 401
    assert curl.get("/blurb", auth=("bob", new)).status_code == 200
    assert on_people(guarded, action="remove", name="bob").status_code == 303
    assert curl.get("/blurb", auth=("bob", new)).status_code == 401
    done = [what for who, what, why in told(guarded) if why.startswith("bob")]
    assert done == [
        "changed a role",
        "disabled an account",
        "enabled an account",
        "reset a password",
        "removed an account",
    ]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"action": "disable", "name": "admin"}, 409),
        ({"action": "role", "name": "admin", "role": "viewer"}, 409),
        ({"action": "remove", "name": "nobody"}, 404),
        ({"action": "add", "name": "a:b", "role": "viewer"}, 400),
        ({"action": "add", "name": "bob", "role": "king"}, 400),
        ({"action": "nonsense", "name": "admin"}, 400),
        ({}, 400),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_no_row(
    guarded: World, fields: dict[str, str], status: int
) -> None:
    client = logged_in(guarded)
    word, before = form_word(client.get("/people")), told(guarded)
    assert client.post("/people", data={"word": word, **fields}).status_code == status
    assert told(guarded) == before


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_administrators_see_and_change_people(guarded: World, role: str) -> None:
    who = somebody(guarded, "bob", role)
    curl = guarded.client()
    assert curl.get("/people", auth=who).status_code == 403
    form = {"action": "role", "name": "bob", "role": "admin"}
    assert curl.post("/people", auth=who, data=form).status_code == 403
    assert curl.patch(f"{API}/people/bob", auth=who, json={"role": "admin"}).status_code == 403
    assert curl.get(f"{API}/audit", auth=who).status_code == 403
    assert "/people" not in curl.get("/account", auth=who).text


def test_a_name_is_escaped_wherever_it_is_shown(make_world: Callable[..., World]) -> None:
    world = make_world(auth={"mode": "password", "user": "<b>jp</b>", "password": "pw-of-jp"})
    page = world.client().get("/people", auth=("<b>jp</b>", "pw-of-jp"), headers=BROWSER)
    assert page.status_code == 200
    assert "<b>jp" not in page.text
    assert "&lt;b&gt;jp" in page.text


# --- One's own account --------------------------------------------------------------------------------------------


def test_sessions_are_shown_with_where_they_came_from_and_ended_elsewhere(guarded: World) -> None:
    first, second = logged_in(guarded), logged_in(guarded)
    page = first.get("/account")
    assert page.text.count("Mozilla/5.0 (X11)") == 2
    assert "this one" in page.text
    first.post("/account", data={"word": form_word(page), "action": "end-all"})
    assert second.get("/account").status_code == 303
    assert first.get("/account").status_code == 200
    third = logged_in(guarded)
    digest = accounts.digest(third.cookies["homie_ota_session"])
    ended = first.post(
        "/account", data={"word": form_word(first.get("/account")), "action": "end", "digest": digest}
    )
    assert ended.status_code == 303
    assert third.get("/account").status_code == 303


def test_nobody_ends_the_session_of_another(guarded: World) -> None:
    bob = somebody(guarded, "bob", "viewer")
    admin = logged_in(guarded)
    digest = accounts.digest(admin.cookies["homie_ota_session"])
    answer = guarded.client().post("/account", auth=bob, data={"action": "end", "digest": digest})
    assert answer.status_code == 404
    assert admin.get("/account").status_code == 200


def test_a_session_ends_when_its_role_shrinks(guarded: World) -> None:
    bob = somebody(guarded, "bob", "operator")
    guarded.login, admin = bob, guarded.login
    session = logged_in(guarded)
    guarded.write(lambda conn: people.set_role(conn, "bob", "admin"))
    assert session.get("/people").status_code == 200
    guarded.write(lambda conn: people.set_role(conn, "bob", "viewer"))
    assert session.get("/blurb").status_code == 303
    guarded.login = admin


@pytest.mark.parametrize(
    ("fields", "days"), [({"days": "30"}, 30.0), ({"days": "0"}, None), ({"until": "2999-01-01"}, 1.0)]
)
def test_a_token_ends_when_its_maker_said(guarded: World, fields: dict[str, str], days: float | None) -> None:
    client = logged_in(guarded)
    form = {"word": form_word(client.get("/account")), "action": "token", "label": "ci", "right": "read"}
    assert client.post("/account", data={**form, **fields}).status_code == 200
    ends = guarded.read(lambda conn: accounts.tokens(conn, "admin"))[0]["expires_at"]
    assert (ends is None) == (days is None)
    if "until" in fields:
        assert time.strftime("%Y-%m-%d %H:%M", time.gmtime(ends - 1)) == "2999-01-01 23:59"
    elif ends:
        assert ends == pytest.approx(time.time() + 30 * 86400, abs=60)


@pytest.mark.parametrize("until", ["yesterday", "2001-01-01", "2027-13-01"])
def test_a_token_that_would_have_ended_is_not_made(guarded: World, until: str) -> None:
    client = logged_in(guarded)
    form = {"word": form_word(client.get("/account")), "action": "token", "label": "ci", "right": "read"}
    assert client.post("/account", data={**form, "until": until}).status_code == 400
    assert guarded.read(lambda conn: accounts.tokens(conn, "admin")) == []


# --- The API ------------------------------------------------------------------------------------------------------


def test_people_over_the_api(guarded: World) -> None:
    curl = guarded.client(headers=token(guarded, "admin", *Right))
    made = curl.post(f"{API}/people", json={"name": "bob", "role": "viewer"})
    assert made.status_code == 201
    bob = ("bob", made.json()["password"])
    assert guarded.client().get("/blurb", auth=bob).status_code == 200
    found = curl.get(f"{API}/people").json()["items"]
    assert [(each["name"], each["role"], each["disabled"]) for each in found] == [
        ("admin", "admin", False), ("bob", "viewer", False)]  # fmt: skip
    assert "password" not in found[1]
    changed = curl.patch(f"{API}/people/bob", json={"role": "operator", "disabled": True}).json()
    assert (changed["role"], changed["disabled"]) == ("operator", True)
    assert guarded.client().get("/blurb", auth=bob).status_code == 401
    curl.patch(f"{API}/people/bob", json={"disabled": False})
    new = curl.post(f"{API}/people/bob/reset").json()["password"]
    assert guarded.client().get("/blurb", auth=("bob", new)).status_code == 200
    assert curl.post(f"{API}/people/bob/logout").status_code == 200
    assert curl.delete(f"{API}/people/bob").status_code == 200
    assert curl.delete(f"{API}/people/bob").status_code == 404
    assert curl.post(f"{API}/people/nobody/logout").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PATCH", "/people/admin", {"disabled": True}, 409),
        ("PATCH", "/people/admin", {}, 400),
        ("DELETE", "/people/admin", None, 409),
        ("POST", "/people", {"name": "admin", "role": "viewer"}, 409),
        ("POST", "/people", {"name": "x y", "role": "viewer"}, 400),
        ("POST", "/people", {"name": "bob", "role": "king"}, 400),
        ("POST", "/tokens", {"label": "x", "rights": ["read"], "owner": "nobody"}, 404),
        ("POST", "/tokens", {"label": "x", "rights": ["read"], "expires_at": "2001-01-01T00:00:00Z"}, 400),
        ("POST", "/tokens", {"label": "x", "rights": ["read"], "expires_at": "2999-01-01T00:00:00"}, 400),
        ("POST", "/tokens", {"label": "x", "rights": []}, 400),
        ("DELETE", "/tokens/00000000", None, 404),
    ],
)
def test_what_the_api_refuses_about_people(
    guarded: World, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    curl = guarded.client(headers=token(guarded, "admin", *Right))
    answer = curl.request(method, API + path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_tokens_over_the_api(guarded: World) -> None:
    bob = somebody(guarded, "bob", "operator")
    curl = guarded.client()
    wanted = {"label": "ci", "rights": ["read", "upload"], "expires_at": "2999-01-01T00:00:00Z"}
    made = curl.post(f"{API}/tokens", auth=bob, json=wanted).json()
    bearer = {"authorization": f"Bearer {made['token']}"}
    assert curl.get(f"{API}/devices", headers=bearer).status_code == 200
    assert curl.post(f"{API}/devices/x/release", headers=bearer, json={}).status_code == 403
    (listed,) = curl.get(f"{API}/tokens", auth=bob).json()["items"]
    assert "token" not in listed
    assert (listed["owner"], listed["label"], sorted(listed["rights"])) == ("bob", "ci", ["read", "upload"])
    assert listed["last_used"] is not None
    assert curl.get(f"{API}/tokens", auth=guarded.login).json()["items"] == [listed]
    assert curl.delete(f"{API}/tokens/{listed['id']}", auth=guarded.login).status_code == 200
    assert curl.get(f"{API}/devices", headers=bearer).status_code == 401


def test_nobody_makes_a_token_for_more_than_they_may_or_for_another(guarded: World) -> None:
    bob = somebody(guarded, "bob", "viewer")
    curl = guarded.client()
    for body in ({"label": "x", "rights": ["deploy"]}, {"label": "x", "rights": ["read"], "owner": "admin"}):
        assert curl.post(f"{API}/tokens", auth=bob, json=body).status_code == 403
    assert curl.get(f"{API}/tokens?owner=admin", auth=bob).status_code == 403
    theirs = token(guarded, "admin", Right.READ)
    digest = accounts.digest(theirs["authorization"].partition(" ")[2])
    assert curl.delete(f"{API}/tokens/{digest}", auth=bob).status_code == 404
    assert curl.get(f"{API}/devices", headers=theirs).status_code == 200


def test_a_token_cannot_make_itself_live_longer(guarded: World) -> None:
    curl = guarded.client(headers=token(guarded, "admin", Right.READ, Right.DEPLOY, Right.UPLOAD))
    assert curl.post(f"{API}/tokens", json={"label": "x", "rights": ["read"]}).status_code == 403
    assert curl.get(f"{API}/tokens").status_code == 200
    may_all = guarded.client(headers=token(guarded, "admin", *Right))
    assert may_all.post(f"{API}/tokens", json={"label": "x", "rights": ["read"]}).status_code == 201


def test_the_audit_log_over_the_api_can_be_checked_without_trust_in_the_server(guarded: World) -> None:
    admin = guarded.client(headers=token(guarded, "admin", *Right))
    for number in range(5):
        admin.post(f"{API}/people", json={"name": f"bob{number}", "role": "viewer"})
    page = admin.get(f"{API}/audit?limit=2").json()
    assert [row["why"] for row in page["items"]] == ["bob4, viewer", "bob3, viewer"]
    assert admin.get(f"{API}/audit?limit=2&cursor={page['next']}").json()["items"][0]["why"] == "bob2, viewer"
    lines = [json.loads(line) for line in admin.get(f"{API}/audit/export").text.splitlines()]
    *rows, last = lines
    end = chain.Head(**last["end"])
    assert chain.follow(rows, end=end).fault is None
    state = admin.get(f"{API}/audit/verify?kept={end.hash}").json()
    assert (state["whole"], state["rows"], state["hash"]) == (True, len(rows), end.hash)
    other = admin.get(f"{API}/audit/verify?kept={'0' * 63}1").json()
    assert other["whole"] is False
