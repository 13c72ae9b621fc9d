"""Who comes in: accounts, sessions, tokens, guesses; and what other sites cannot make a browser do."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest

from homie_ota.store import accounts, audit
from homie_ota.store.accounts import Right
from homie_ota.web.guesses import Guesses
from homie_ota.web.people import Person, is_near, needed, network
from web.world import BROWSER, World, form_word


def logged_in(world: World) -> Any:
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/login"))
    name, password = world.login
    answer = client.post(
        "/login", data={"word": word, "name": name, "password": password, "next": "/firmware"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/firmware")
    return client


@pytest.fixture
def guarded(make_world: Callable[..., World]) -> World:
    return make_world(admin=True)


def test_without_login_there_is_only_the_login(guarded: World) -> None:
    guarded.device("hall")
    browser, curl = guarded.client(headers=BROWSER), guarded.client()
    for path in (
        "/",
        "/firmware",
        "/device/hall",
        "/log",
        "/events",
        "/blurb",
        "/deployments",
        "/account",
        "/nowhere",
    ):
        sent = browser.get(path)
        assert (sent.status_code, sent.headers["location"].partition("?")[0]) == (303, "/login"), path
        refused = curl.get(path)
        assert refused.status_code == 401, path
        assert refused.headers["www-authenticate"].startswith("Basic "), path
    for path in ("/api/v1/devices", "/api/v1/openapi.json", "/api/v1/docs", "/api/v1/events"):
        assert curl.get(path).status_code == 401, path
    for method, path in (
        ("POST", "/upload"),
        ("POST", "/update"),
        ("DELETE", "/device/hall"),
        ("DELETE", "/firmware/x"),
    ):
        assert curl.request(method, path).status_code == 401, path
    assert curl.get("/healthz").status_code == 200
    assert "10.0.0.1" not in curl.get("/healthz").text


def test_a_session_lasts_until_logout_and_not_longer(guarded: World) -> None:
    client = logged_in(guarded)
    page = client.get("/")
    assert page.status_code == 200
    cookie = client.cookies["homie_ota_session"]
    assert client.post("/logout", data={"word": form_word(page)}).status_code == 303
    again = guarded.client(headers=BROWSER, cookies={"homie_ota_session": cookie})
    assert again.get("/").status_code == 303


def test_the_cookie_is_for_us_alone(guarded: World) -> None:
    client = guarded.client(headers=BROWSER, base_url="https://ota.local")
    word = form_word(client.get("/login"))
    answer = client.post(
        "/login", data={"word": word, "name": guarded.login[0], "password": guarded.login[1]}
    )
    told = answer.headers["set-cookie"].lower()
    for attribute in ("httponly", "samesite=lax", "secure", "path=/"):
        assert attribute in told


def test_a_wrong_password_is_refused_and_the_log_names_the_address(
    guarded: World, caplog: pytest.LogCaptureFixture
) -> None:
    client = guarded.client(headers=BROWSER)
    word = form_word(client.get("/login"))
    answer = client.post("/login", data={"word": word, "name": "admin\n", "password": "hunter2-secret"})
    assert answer.status_code == 403
    assert "testclient" in caplog.text
    assert "hunter2-secret" not in caplog.text + answer.text


def test_guessing_gets_slower_and_is_written_down(guarded: World) -> None:
    guarded.now = time.time()
    curl = guarded.client()
    wrong = {"authorization": "Basic " + base64.b64encode(b"admin:wrong").decode()}
    statuses = [curl.get("/", headers=wrong).status_code for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    refused = curl.get("/", headers=wrong)
    assert refused.headers["retry-after"] == "1"
    right = {"authorization": "Basic " + base64.b64encode(":".join(guarded.login).encode()).decode()}
    assert curl.get("/", headers=right).status_code == 429
    guarded.now += 2
    assert curl.get("/", headers=right).status_code == 200
    assert "5 wrong passwords" in [row["what"] for row in guarded.read(audit.recent)]


def test_tokens_are_guessed_no_faster_than_passwords(guarded: World) -> None:
    guarded.now = time.time()
    statuses = [
        guarded.client().get("/api/v1/devices", headers={"authorization": f"Bearer hota_{n}"}).status_code
        for n in range(7)
    ]
    assert statuses == [401] * 5 + [429] * 2


def test_waits_double_are_bounded_and_forgotten() -> None:
    guesses = Guesses()
    for n in range(40):
        guesses.failed("a", float(n))
    assert guesses.wait("a", 39.0) == 900.0
    assert guesses.wait("b", 39.0) == 0.0
    assert guesses.wait("a", 39.0 + 3601) == 0.0
    for n in range(20_000):
        guesses.failed(str(n), 50.0)
    assert guesses.wait("a", 50.0) == 0.0


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("", "Log in first"),
        ("Bearer hota_x", "This token is not known"),
        ("Basic YTpi", "do not belong together"),
    ],
)
def test_who_is_not_let_in_is_told_what_was_wrong(guarded: World, said: str, sentence: str) -> None:
    answer = guarded.client().get("/api/v1/firmware", headers={"authorization": said} if said else {})
    assert answer.status_code == 401
    assert sentence in answer.json()["detail"]


def test_curl_logs_in_with_name_and_password_or_a_token(guarded: World) -> None:
    curl = guarded.client()
    assert curl.get("/api/v1/devices", auth=guarded.login).status_code == 200
    secret = guarded.write(
        lambda c: accounts.make_token(
            c, name="admin", label="ci", rights=[Right.READ], now=time.time(), seconds=60
        )
    )
    bearer = {"authorization": f"Bearer {secret}"}
    assert curl.get("/api/v1/devices", headers=bearer).status_code == 200
    refused = curl.post("/api/v1/deployments", headers=bearer, json={"device": "x", "firmware": "y"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not-allowed")
    assert curl.post("/upload", headers=bearer).status_code == 403
    guarded.now = time.time() + 61
    assert curl.get("/api/v1/devices", headers=bearer).status_code == 401


NEEDED = [
    ("GET", "/", Right.READ),
    ("HEAD", "/firmware/x/image", Right.READ),
    ("POST", "/upload", Right.UPLOAD),
    ("POST", "/api/v1/firmware", Right.UPLOAD),
    ("POST", "/update", Right.DEPLOY),
    ("DELETE", "/api/v1/firmware/abc", Right.DEPLOY),
    ("PUT", "/anything/new", Right.DEPLOY),
    ("POST", "/login", None),
    ("GET", "/static/style.css", None),
    ("POST", "/loginx", Right.DEPLOY),
    ("GET", "/healthz/../firmware", Right.READ),
]


@pytest.mark.parametrize(
    ("role", "operates", "uploads", "administers"),
    [("viewer", False, False, False), ("operator", True, True, False), ("admin", True, True, True)],
)
def test_a_page_offers_what_a_role_may(role: str, operates: bool, uploads: bool, administers: bool) -> None:
    person = Person("jp", accounts.ROLES[role], "session")
    assert (person.may_operate, person.may_upload, person.may_admin) == (operates, uploads, administers)


@pytest.mark.parametrize(("method", "path", "right"), NEEDED)
def test_what_is_not_in_the_table_needs_the_most(method: str, path: str, right: Right | None) -> None:
    assert needed(method, path) is right


def test_tokens_are_made_shown_once_and_revoked_on_the_account_page(guarded: World) -> None:
    client = logged_in(guarded)
    form = {
        "word": form_word(client.get("/account")),
        "action": "token",
        "label": "<ci>",
        "right": ["read", "upload"],
    }
    made = client.post("/account", data=form)
    secret = made.text.partition('class="secret">')[2].partition("<")[0]
    assert secret.startswith("hota_")
    assert secret not in client.get("/account").text
    bearer = {"authorization": f"Bearer {secret}"}
    assert guarded.client().get("/api/v1/devices", headers=bearer).status_code == 200
    digest = guarded.read(lambda c: accounts.tokens(c, "admin"))[0]["digest"]
    client.post("/account", data={"word": form["word"], "action": "revoke", "digest": digest})
    assert guarded.client().get("/api/v1/devices", headers=bearer).status_code == 401


def test_a_password_is_changed_with_the_old_one_only(guarded: World) -> None:
    client = logged_in(guarded)
    word = form_word(client.get("/account"))
    form = {"word": word, "action": "password", "old": "wrong", "new": "a new password"}
    assert client.post("/account", data=form).status_code == 403
    assert client.post("/account", data={**form, "old": guarded.login[1]}).status_code == 303
    assert client.get("/").status_code == 303  # every session has ended
    assert guarded.client().get("/", auth=("admin", "a new password")).status_code == 200
    assert guarded.client().get("/", auth=guarded.login).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_the_login_leads_nowhere_else(guarded: World, target: str) -> None:
    client = guarded.client(headers=BROWSER)
    word = form_word(client.get("/login", params={"next": target}))
    name, password = guarded.login
    answer = client.post("/login", data={"word": word, "name": name, "password": password, "next": target})
    assert answer.headers["location"] == "/"


# --- Without accounts ---------------------------------------------------------------------------------------------


def test_without_login_every_page_says_so(world: World) -> None:
    for path in ("/", "/firmware", "/log"):
        assert "login is off" in world.client(headers=BROWSER).get(path).text


def test_an_old_ini_without_user_stays_open_to_the_neighbours_until_there_is_an_account(
    make_world: Callable[..., World],
) -> None:
    world = make_world(auth={"mode": "password", "open_to_private": True})
    near, far = (world.client(headers=BROWSER, client=(host, 1)) for host in ("192.168.1.7", "93.184.216.34"))
    page = near.get("/")
    assert page.status_code == 200
    assert "homie-ota user add" in page.text
    assert far.get("/").status_code == 303
    world.write(lambda c: accounts.ensure_admin(c, time.time()))
    assert near.get("/").status_code == 303


def test_the_user_of_an_old_ini_logs_in_with_basic_and_by_the_page(make_world: Callable[..., World]) -> None:
    world = make_world(auth={"mode": "password", "user": "jp", "password": "pw"})
    assert world.client().get("/", auth=("jp", "pw")).status_code == 200
    assert world.client().get("/", auth=("jp", "px")).status_code == 401
    world.login = ("jp", "pw")
    assert logged_in(world).get("/").status_code == 200


@pytest.mark.parametrize(
    ("host", "near"),
    [("127.0.0.1", True), ("10.1.2.3", True), ("::1", True), ("fe80::1", True), ("::ffff:192.168.0.1", True),
     ("8.8.8.8", False), ("2001:4860::1", False), ("::ffff:8.8.8.8", False), ("testclient", False), ("", False)],
)  # fmt: skip
def test_near_is_what_home_networks_have(host: str, near: bool) -> None:
    assert is_near(host) is near


def test_one_household_is_one_guesser() -> None:
    assert network("2001:db8:1:2:aaaa::1") == network("2001:db8:1:2:bbbb::2") != network("2001:db8:1:3::1")
    assert network("10.0.0.1") != network("10.0.0.2")


# --- Other sites --------------------------------------------------------------------------------------------------

ELSEWHERE: list[dict[str, str]] = [
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"referer": "http://evil.example/ota.local"},
    {"origin": "http://ota.local.evil.example"},
    {"origin": "http://ota.local:8080"},
]


@pytest.mark.parametrize("headers", ELSEWHERE)
def test_a_page_of_another_site_changes_nothing(world: World, headers: dict[str, str]) -> None:
    firmware = world.firmware()
    world.device("hall")
    page = world.client(headers=BROWSER)
    word = form_word(page.get("/firmware"))
    victim = world.client(headers=headers, cookies=dict(page.cookies))
    form = {"word": word, "device": "hall", "firmware": firmware.sha256}
    assert victim.post("/update", data=form).status_code == 403
    order = {"device": "hall", "firmware": firmware.sha256}
    assert victim.post("/api/v1/deployments", json=order).status_code == 403
    assert victim.delete(f"/firmware/{firmware.filename}").status_code == 403
    assert victim.post("/upload", files={"upload": ("x.bin", b"\xe9")}).status_code == 403


def test_a_form_without_our_word_is_refused(world: World) -> None:
    firmware = world.firmware()
    world.device("hall")
    client = world.client(headers=BROWSER)
    client.get("/firmware")
    form = {"device": "hall", "firmware": firmware.sha256}
    for word in ({}, {"word": ""}, {"word": "guess"}):
        answer = client.post("/update", data={**form, **word})
        assert answer.status_code == 403
        assert "Load the page again" in answer.text
    assert client.post("/upload", files={"upload": ("x.bin", b"\xe9")}).status_code == 403


def test_the_word_of_one_visitor_is_of_no_use_to_another(world: World) -> None:
    firmware = world.firmware()
    world.device("hall")
    mine, other = world.client(headers=BROWSER), world.client(headers=BROWSER)
    word = form_word(mine.get("/firmware"))
    other.get("/firmware")
    form = {"word": word, "device": "hall", "firmware": firmware.sha256}
    assert other.post("/update", data=form).status_code == 403
    assert mine.post("/update", data=form).status_code == 303


def test_the_page_of_the_api_leads_to_an_account_only_where_there_is_one(
    make_world: Callable[..., World],
) -> None:
    def shown(client: Any) -> str:
        return str(client.get("/api/v1/docs").text.partition("<main")[2])

    assert 'href="/account"' not in shown(make_world().client(headers=BROWSER))
    assert 'href="/account"' in shown(logged_in(make_world(admin=True)))


def test_the_page_of_the_api_may_try_it(world: World) -> None:
    firmware = world.firmware()
    world.device("hall")
    client = world.client(headers=BROWSER)
    client.get("/api/v1/docs")
    order = {"device": "hall", "firmware": firmware.sha256}
    assert client.post("/api/v1/deployments", json=order).status_code == 202


@pytest.mark.parametrize(
    ("host", "status"),
    [("ota.local", 200), ("10.0.0.5:9080", 200), ("[::1]:9080", 200), ("localhost:9080", 200), ("raspberrypi", 200),
     ("ota.example.org", 200), ("ota.example.org:9080", 200), ("behind.example.net", 200), ("evil.example", 421),
     ("10.0.0.5.evil.example", 421), ("localhost.evil.example", 421), ("x.ota.example.org", 421)],
)  # fmt: skip
def test_a_strangers_name_for_this_server_is_refused(
    make_world: Callable[..., World], host: str, status: int
) -> None:
    world = make_world(
        http={"public_url": "http://ota.example.org:9080", "allowed_hosts": ["behind.example.net"]}
    )
    answer = world.client(headers=BROWSER).get("/", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert "allowed_hosts" in answer.text


BROKEN_HOSTS = [
    "[",
    "[::1",
    "a b",
    "x:y:z",
    "http://x",
    "@",
    "x@evil.example",
    "ota.local:99999",
    "ota.local:abc",
    "\xff",
    "x" * 300,
]


@pytest.mark.parametrize("host", BROKEN_HOSTS)
@pytest.mark.parametrize("header", ["host", "origin", "referer"])
def test_a_broken_name_is_refused_and_breaks_nothing(world: World, host: str, header: str) -> None:
    value = host if header == "host" else f"http://{host}"
    for path in ("/", "/api/v1/devices", "/nowhere"):
        answer = world.client().post(path, headers={header: value.encode("latin-1")})
        assert 400 <= answer.status_code < 500, (path, answer.status_code)


def test_no_page_may_be_put_into_a_frame(world: World) -> None:
    for path in ("/", "/login", "/api/v1/devices", "/nowhere", "/static/common.js"):
        headers = world.client(headers=BROWSER).get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"], path
