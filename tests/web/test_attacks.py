"""Attacks on an update server that come in over HTTP, each by its name; what the server does about it.

Numbers are those of the threat model's table. Attacks by devices and brokers are tested where those are: tests/engine,
tests/e2e/test_adversity.py, tests/test_fleet.py.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.errors import WrongUse
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts, audit, people
from homie_ota.store.accounts import Right
from homie_ota.web.quotas import Flood, Quotas
from web.test_gate import logged_in
from web.world import BROWSER, ESP, Server, World, form_word

API = "/api/v1"
FAR = {"client": ("203.0.113.9", 1)}


@pytest.fixture
def guarded(make_world: Callable[..., World]) -> World:
    return make_world(admin=True)


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def token(world: World, *rights: Right, seconds: float | None = None) -> str:
    return world.write(
        lambda conn: accounts.make_token(
            conn, name="admin", label="x", rights=rights, now=time.time(), seconds=seconds
        )
    )


# --- 1. Arbitrary image -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/upload", f"{API}/firmware"])
@pytest.mark.parametrize("who", ["nobody", "viewer", "a token to deploy"])
def test_1_an_arbitrary_image_is_not_taken_from_who_may_not_upload(
    guarded: World, path: str, who: str
) -> None:
    image = {"upload": ("evil.bin", make_image("lamp", "6.6.6"))}
    headers = {
        "nobody": {},
        "viewer": basic(
            "eve", guarded.write(lambda conn: accounts.create(conn, "eve", "viewer", time.time()))
        ),
        "a token to deploy": {"authorization": f"Bearer {token(guarded, Right.READ, Right.DEPLOY)}"},
    }[who]
    answer = guarded.client().post(path, files=image, headers=headers)
    assert answer.status_code == (401 if who == "nobody" else 403)
    assert list(guarded.images.directory.glob("*")) == []


# --- 8. A stolen key or password ----------------------------------------------------------------------------------


def test_8_a_stolen_token_ends_by_itself_opens_only_its_scope_and_can_be_taken_back(guarded: World) -> None:
    now = guarded.now = time.time()
    stolen = {"authorization": f"Bearer {token(guarded, Right.READ, seconds=60)}"}
    thief = guarded.client(**FAR)
    assert thief.get(f"{API}/devices", headers=stolen).status_code == 200
    for method, path in (
        ("POST", "/update"),
        ("POST", "/upload"),
        ("GET", "/people"),
        ("GET", f"{API}/audit"),
    ):
        assert thief.request(method, path, headers=stolen).status_code == 403, path
    longer = {"label": "x", "rights": ["read"]}
    assert thief.post(f"{API}/tokens", headers=stolen, json=longer).status_code == 403
    assert thief.get("/account", headers=stolen).status_code == 403
    guarded.now = now + 61
    assert thief.get(f"{API}/devices", headers=stolen).status_code == 401
    other = {"authorization": f"Bearer {token(guarded, Right.READ)}"}
    (found, *_) = guarded.read(lambda conn: accounts.tokens(conn, "admin"))
    guarded.write(lambda conn: accounts.revoke_token(conn, "admin", found["digest"]))
    assert thief.get(f"{API}/devices", headers=other).status_code == 401


@pytest.mark.parametrize("what", ["password", "role", "disable", "remove", "everywhere", "logout"])
def test_8_a_stolen_session_ends_with_whatever_its_owner_does_about_it(guarded: World, what: str) -> None:
    guarded.write(lambda conn: accounts.create(conn, "other", "admin", time.time()))
    session = logged_in(guarded)
    cookie = session.cookies["homie_ota_session"]
    thief = guarded.client(headers=BROWSER, cookies={"homie_ota_session": cookie}, **FAR)
    assert thief.get("/blurb").status_code == 200
    if what == "logout":
        session.post("/logout", data={"word": form_word(session.get("/account"))})
    else:
        acts: dict[str, Callable[[Any], object]] = {
            "password": lambda conn: accounts.reset(conn, "admin"),
            "role": lambda conn: people.set_role(conn, "admin", "viewer"),
            "disable": lambda conn: people.disable(conn, "admin", time.time()),
            "remove": lambda conn: people.remove(conn, "admin"),
            "everywhere": lambda conn: people.end_sessions(conn, "admin"),
        }
        guarded.write(acts[what])
    assert thief.get("/blurb").status_code == 303


def test_8_a_stolen_database_opens_nothing(guarded: World) -> None:
    secret, session = token(guarded, *Right), logged_in(guarded).cookies["homie_ota_session"]
    stored = guarded.read(
        lambda conn: [
            tuple(row)
            for table in ("account", "session", "token")
            for row in conn.execute(sa.text(f"SELECT * FROM {table}"))
        ]
    )
    text = str(stored)
    assert not any(each in text for each in (secret, session, guarded.login[1]))
    for row in stored:
        for value in (each for each in row if isinstance(each, str)):
            assert (
                guarded.client().get("/blurb", headers={"authorization": f"Bearer {value}"}).status_code
                != 200
            )
            cookies = {"homie_ota_session": value}
            assert guarded.client(headers=BROWSER, cookies=cookies).get("/blurb").status_code == 303
            guarded.app.state.login._by_address.succeeded("testclient")


@pytest.mark.parametrize("path", ["/events", f"{API}/events"])
async def test_8_a_stream_that_a_thief_holds_open_ends_with_the_session(
    guarded: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("homie_ota.web.lasting.EVERY", 0.0)
    cookie = await asyncio.to_thread(lambda: logged_in(guarded).cookies["homie_ota_session"])
    async with Server(guarded) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: homie_ota_session={cookie}\r\n\r\n".encode()
        )
        await reader.readuntil(b"retry: 2000")
        guarded.bus.say("broker", connected=False)
        assert b"connected" in await asyncio.wait_for(reader.readuntil(b"}"), 10)
        await asyncio.to_thread(guarded.write, lambda conn: people.end_sessions(conn, "admin"))
        guarded.bus.say("broker", connected=True)
        rest = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 10)
        assert b"connected" not in rest
        writer.close()


# --- 11. A flood of requests --------------------------------------------------------------------------------------


def test_11_a_flood_from_one_address_is_told_when_to_come_back_and_delays_nobody_else(
    make_world: Callable[..., World],
) -> None:
    world = make_world(http={"requests_per_second": 2}, admin=True)
    flood, other = world.client(**FAR), world.client(client=("203.0.113.10", 1))
    answers = [flood.get("/healthz") for _ in range(25)]
    assert [each.status_code for each in answers] == [200] * 20 + [503] * 5
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert other.get("/healthz").status_code == 200
    assert world.client(client=("127.0.0.1", 1)).get("/healthz").status_code == 200


def test_11_a_flood_of_logins_does_not_even_reach_the_hashing(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(http={"requests_per_second": 1}, admin=True)
    hashed: list[str] = []
    real = accounts.check_password

    def counted(conn: Any, name: str, password: str) -> Any:
        hashed.append(name)
        return real(conn, name, password)

    monkeypatch.setattr(accounts, "check_password", counted)
    flood = world.client(**FAR)
    for number in range(30):
        flood.get("/", headers=basic(f"user{number}", "x"))
    assert len(hashed) <= 6


def test_11_the_tokens_of_one_account_have_one_share_wherever_they_are_used(
    make_world: Callable[..., World],
) -> None:
    world = make_world(http={"requests_per_second": 1}, admin=True)
    statuses = [
        world.client(client=(f"203.0.113.{number}", 1))
        .get("/blurb", headers={"authorization": f"Bearer {token(world, Right.READ)}"})
        .status_code
        for number in range(12)
    ]
    assert statuses == [200] * 10 + [503] * 2


def test_11_a_share_refills_and_the_memory_of_askers_is_bounded() -> None:
    quotas = Quotas(2.0)
    for _ in range(20):
        quotas.take("a", 0.0)
    with pytest.raises(Flood):
        quotas.take("a", 0.0)
    quotas.take("a", 1.0)
    for number in range(20_000):
        quotas.take(str(number), 1.0)
    assert len(quotas._left) <= 10_000
    unlimited = Quotas(0.0)
    for _ in range(1000):
        unlimited.take("a", 0.0)


# --- 14. Metadata as path, HTML, header or log line ---------------------------------------------------------------

EVIL = "<script>alert(1)</script>\"'&"


def test_14_a_label_or_a_name_of_a_person_is_text_wherever_it_is_shown(guarded: World) -> None:
    client = logged_in(guarded)
    form = {"word": form_word(client.get("/account")), "action": "token", "label": EVIL, "right": "read"}
    client.post("/account", data=form)
    agent = guarded.client(headers={**BROWSER, "user-agent": f"Mozilla {EVIL}"})
    name, password = guarded.login
    agent.post("/login", data={"word": form_word(agent.get("/login")), "name": name, "password": password})
    for path in ("/account", "/people", "/log"):
        page = client.get(path).text
        assert "<script>alert" not in page, path
    assert "&lt;script&gt;" in client.get("/account").text


def test_14_a_header_with_a_line_break_in_it_makes_no_second_header_or_log_line(
    guarded: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = guarded.client(headers=BROWSER)
    word = form_word(client.get("/login"))
    evil = "admin\r\nSet-Cookie: a=b\r\n2026 WARNING all is well"
    answer = client.post("/login", data={"word": word, "name": evil, "password": "x", "next": f"/{evil}"})
    assert "a=b" not in str(answer.headers)
    assert not any(
        "\n" in record.getMessage() for record in caplog.records if record.name.startswith("homie_ota")
    )


def test_14_no_page_lets_a_script_of_its_own_text_run(guarded: World) -> None:
    client = logged_in(guarded)
    for path in ("/account", "/people", "/login", "/nowhere"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "onclick=" not in answer.text
        assert "<script>" not in answer.text
        assert "style=" not in answer.text


# --- 15. Cross-site requests, clickjacking, DNS rebinding ---------------------------------------------------------


@pytest.mark.parametrize("path", ["/people", "/account", "/logout"])
def test_15_a_cross_site_form_changes_no_account(guarded: World, path: str) -> None:
    session = logged_in(guarded)
    word = form_word(session.get("/account"))
    victim = guarded.client(
        headers={"origin": "https://evil.example", "user-agent": "Mozilla/5.0"}, cookies=dict(session.cookies)
    )
    form = {"word": word, "action": "add", "name": "eve", "role": "admin"}
    assert victim.post(path, data=form).status_code == 403
    assert session.post(path, data={**form, "word": "guess"}).status_code == 403
    assert [each["name"] for each in guarded.read(lambda conn: people.listing(conn, 0.0))] == ["admin"]
    assert session.get("/account").status_code == 200


def test_15_login_csrf_logs_nobody_into_the_account_of_the_attacker(guarded: World) -> None:
    name, password = guarded.login
    victim = guarded.client(headers={"origin": "https://evil.example", "user-agent": "Mozilla/5.0"})
    answer = victim.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 403
    assert "homie_ota_session" not in answer.cookies


@pytest.mark.parametrize("path", ["/login", "/people", f"{API}/people", "/healthz"])
def test_15_dns_rebinding_gets_no_answer(guarded: World, path: str) -> None:
    answer = guarded.client(headers={**BROWSER, "host": "rebound.evil.example:9080"}).get(path)
    assert answer.status_code == 421


def test_15_clickjacking_finds_no_page_that_may_be_framed(guarded: World) -> None:
    for path in ("/login", "/people", "/account"):
        headers = logged_in(guarded).get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


def test_15_a_cookie_that_was_fixed_before_the_login_is_no_session_after_it(guarded: World) -> None:
    client = guarded.client(headers=BROWSER, cookies={"homie_ota_session": "chosen-by-the-attacker"})
    word = form_word(client.get("/login"))
    name, password = guarded.login
    answer = client.post("/login", data={"word": word, "name": name, "password": password})
    assert answer.cookies["homie_ota_session"] != "chosen-by-the-attacker"
    fixed = guarded.client(headers=BROWSER, cookies={"homie_ota_session": "chosen-by-the-attacker"})
    assert fixed.get("/blurb").status_code == 303


# --- 16. Login guessing -------------------------------------------------------------------------------------------


async def test_16_guesses_made_at_once_count_one_by_one(guarded: World) -> None:
    import httpx

    transport = httpx.ASGITransport(app=guarded.app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://ota.local") as client:
        tries = [client.get("/blurb", headers=basic("admin", f"guess {n}")) for n in range(40)]
        statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
    assert statuses.count(401) <= 7  # five are free, and two are hashed at a time
    assert set(statuses) == {401, 429}


def test_16_guesses_from_many_addresses_on_one_account_are_slowed_together(guarded: World) -> None:
    def guess(number: int) -> int:
        client = guarded.client(client=(f"198.51.100.{number}", 1))
        return int(client.get("/blurb", headers=basic("admin", "x")).status_code)

    guarded.now = time.time()
    statuses = [guess(number) for number in range(34)]
    assert statuses == [401] * 30 + [429] * 4


def test_16_guesses_of_strangers_do_not_lock_out_who_logged_in_before_from_home(guarded: World) -> None:
    guarded.now = time.time()
    home = {"client": ("192.168.1.5", 1)}
    assert guarded.client(**home).get("/blurb", headers=basic(*guarded.login)).status_code == 200
    for number in range(40):
        guarded.client(client=(f"198.51.100.{number}", 1)).get("/blurb", headers=basic("admin", "x"))
    guarded.app.state.login._known.clear()  # what was right a moment ago
    assert guarded.client(**home).get("/blurb", headers=basic(*guarded.login)).status_code == 200
    elsewhere = guarded.client(client=("192.168.1.6", 1))
    assert elsewhere.get("/blurb", headers=basic(*guarded.login)).status_code == 429


def test_16_a_name_that_does_not_exist_is_answered_like_a_wrong_password(guarded: World) -> None:
    client = guarded.client(headers=BROWSER)
    word = form_word(client.get("/login"))
    answers = [
        client.post("/login", data={"word": word, "name": name, "password": "x"})
        for name in ("admin", "nobody")
    ]
    said = [each.text.partition('role="alert">')[2].partition("</p>")[0] for each in answers]
    assert said[0] == said[1] != ""
    assert [each.status_code for each in answers] == [403, 403]


# --- 17. Path traversal -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/static/../people.py",
        "/static/..%2f..%2fpeople.py",
        "/static/%2e%2e/%2e%2e/etc/passwd",
        "/static//etc/passwd",
        "/firmware/..%2f..%2fhomie-ota.sqlite3",
        "/firmware/..%2f..%2fhomie-ota.sqlite3/image",
        f"{API}/firmware/..%2f..%2fetc%2fpasswd/file",
        "/people/../static/../../../etc/passwd",
    ],
)
def test_17_path_traversal_finds_no_file(guarded: World, path: str) -> None:
    answer = guarded.client(headers=basic(*guarded.login)).get(path)
    assert answer.status_code in (400, 404), answer.text
    assert "root:" not in answer.text
    assert b"SQLite" not in answer.content


@pytest.mark.parametrize(
    "path",
    ["/healthz/../people", "/login/../people", "/static/../people", "/%2fpeople", "/people/", "/PEOPLE"],
)
def test_17_no_spelling_of_an_address_gets_around_its_right(guarded: World, path: str) -> None:
    guarded.write(lambda conn: accounts.create(conn, "bob", "viewer", time.time()))
    password = guarded.write(lambda conn: accounts.reset(conn, "bob"))
    answer = guarded.client(headers=basic("bob", password)).get(path)
    assert answer.status_code in (400, 403, 404)
    assert "API tokens of all" not in answer.text


# --- 18. Images handed to anyone ----------------------------------------------------------------------------------


def test_18_a_login_is_no_way_to_get_an_image_as_a_device_and_a_device_no_way_in(guarded: World) -> None:
    firmware = guarded.firmware()
    stranger = guarded.client(headers=ESP)
    assert stranger.get("/ota").status_code in (304, 403)
    for path in (f"/firmware/{firmware.filename}/image", f"{API}/firmware/{firmware.sha256}/file"):
        assert stranger.get(path).status_code == 401, path


# --- 21. Secrets in logs, pages, error messages -------------------------------------------------------------------


def test_21_no_secret_is_in_the_log_on_a_page_or_in_an_error(
    guarded: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = token(guarded, *Right)
    client = logged_in(guarded)
    session = client.cookies["homie_ota_session"]
    said = [client.get(path).text for path in ("/account", "/people", "/log", "/nowhere")]
    bearer = {"authorization": f"Bearer {secret}"}
    said.append(guarded.client(headers=bearer).get(f"{API}/people").text)
    said.append(guarded.client(headers=bearer).post(f"{API}/people", json={"name": 1}).text)
    said.append(guarded.client(headers={"authorization": f"Bearer {secret}x"}).get("/").text)
    said.append(guarded.client().get("/", headers=basic("admin", guarded.login[1] + "x")).text)
    said.append(str(guarded.read(lambda conn: list(audit.everything(conn)))))
    text = caplog.text + "".join(said)
    assert secret not in text
    assert session not in text
    assert guarded.login[1] not in text


def test_21_a_wrong_setting_is_told_without_the_secrets_beside_it() -> None:
    from homie_ota.config import load

    wrong: dict[str, dict[str, Any]] = {
        "auth": {"password": ["hunter2"]},
        "mqtt": {"url": "xx://u:hunter2@host"},
    }
    with pytest.raises(WrongUse) as caught:
        load(None, {}, wrong)
    assert "hunter2" not in str(caught.value)


# --- 22. Tampered history -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET who = 'eve'", "DELETE FROM audit WHERE seq = 1", "DELETE FROM audit"]
)
def test_22_history_cannot_be_changed_by_a_statement_that_gets_into_the_database(
    guarded: World, statement: str
) -> None:
    logged_in(guarded)
    with pytest.raises(Exception, match="append-only"):
        guarded.write(lambda conn: conn.execute(sa.text(statement)))
    assert guarded.read(audit.verify).fault is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET who = 'eve' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
    ],
)
def test_22_history_that_was_tampered_with_is_found_over_the_api(guarded: World, statement: str) -> None:
    for _ in range(3):
        logged_in(guarded)
    admin = guarded.client(headers={"authorization": f"Bearer {token(guarded, *Right)}"})
    assert admin.get(f"{API}/audit/verify").json()["whole"] is True

    def tamper(conn: Any) -> None:
        for word in ("update", "delete"):
            conn.execute(sa.text(f"DROP TRIGGER audit_no_{word}"))
        conn.execute(sa.text(statement))

    guarded.write(tamper)
    found = admin.get(f"{API}/audit/verify").json()
    assert found["whole"] is False
    assert found["fault"]
