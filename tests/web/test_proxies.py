"""Behind a proxy: what it says is believed when it is ours, and nobody else can say it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.web.proxies import INGRESS, PREFIX, Proxies
from web.world import BROWSER, ESP, World, form_word

OURS = Proxies(["127.0.0.1", "10.0.0.0/24", "::1"], "/ota")


def seen(headers: dict[str, str], client: str = "127.0.0.1", proxies: Proxies = OURS) -> dict[str, Any]:
    raw = [
        (b"host", b"backend:9080"),
        *((n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()),
    ]
    scope: dict[str, Any] = {"type": "http", "client": (client, 4711), "scheme": "http", "headers": raw}
    proxies.apply(scope)
    return scope


@pytest.mark.parametrize(
    ("chain", "client", "who"),
    [
        ("203.0.113.9", "127.0.0.1", "203.0.113.9"),
        ("203.0.113.9", "::ffff:127.0.0.1", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.7", "127.0.0.1", "203.0.113.9"),
        ("10.0.0.8, 10.0.0.7", "127.0.0.1", "10.0.0.8"),
        ("203.0.113.9:51234", "127.0.0.1", "203.0.113.9"),
        ("[2001:db8::1]:443", "127.0.0.1", "2001:db8::1"),
        ("127.0.0.1, nonsense", "10.0.0.1", "10.0.0.1"),
        ("nonsense, 10.0.0.9", "127.0.0.1", "10.0.0.9"),
        ("", "127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "testclient", "testclient"),
    ],
)
def test_who_asks_is_the_last_address_that_is_no_proxy_of_ours(chain: str, client: str, who: str) -> None:
    assert seen({"X-Forwarded-For": chain}, client)["client"][0] == who


EVERYTHING = {
    "X-Forwarded-For": "127.0.0.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "ota.example.org",
    "X-Forwarded-Prefix": "/there",
    "X-Ingress-Path": "/api/hassio_ingress/x",
}


def test_nobody_but_a_proxy_of_ours_is_believed() -> None:
    scope = seen(EVERYTHING, "203.0.113.9")
    assert (scope["client"][0], scope["scheme"], scope[PREFIX]) == ("203.0.113.9", "http", "/ota")
    assert dict(scope["headers"])[b"host"] == b"backend:9080"
    assert not scope.get(INGRESS, False)


def test_without_proxies_in_the_settings_no_header_counts() -> None:
    scope = seen(EVERYTHING, "127.0.0.1", Proxies([], ""))
    assert (scope["client"][0], scope["scheme"], scope[PREFIX]) == ("127.0.0.1", "http", "")


@pytest.mark.parametrize(
    ("given_", "prefix"),
    [("/there", "/there"), ("/there/", "/there"), ("/", ""), ("/a/b-c_d.e~f", "/a/b-c_d.e~f"), ("x", "/ota"),
     ("//evil.example", "/ota"), ("/a//b", "/ota"), ("/../x", "/ota"), ("/a\"onload=x", "/ota"), ("", "/ota"),
     ("https://evil.example", "/ota"), ("/" + "x" * 300, "/ota"), ("/one, /two", "/two")],
)  # fmt: skip
def test_a_prefix_is_a_path_of_this_site_or_not_said(given_: str, prefix: str) -> None:
    assert seen({"X-Forwarded-Prefix": given_})[PREFIX] == prefix


@pytest.mark.parametrize(
    ("proto", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http, https", "https"), ("javascript", "http")],
)
def test_a_scheme_is_http_or_https(proto: str, scheme: str) -> None:
    assert seen({"X-Forwarded-Proto": proto})["scheme"] == scheme


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60))
def test_whatever_a_proxy_writes_nothing_breaks(text: str) -> None:
    scope = seen(dict.fromkeys(EVERYTHING, text))
    assert scope["scheme"] in ("http", "https")
    assert scope[PREFIX] == "" or scope[PREFIX].startswith("/")
    assert not scope[PREFIX].startswith("//")


# --- In the whole application -------------------------------------------------------------------------------------

PROXY = {"client": ("10.0.0.2", 1), "base_url": "http://10.0.0.5:9080"}


@pytest.fixture
def behind(make_world: Callable[..., World]) -> World:
    return make_world(
        http={"trusted_proxies": ["10.0.0.2"], "allowed_hosts": ["ota.example.org"]}, admin=True
    )


def test_behind_a_proxy_with_https_the_cookie_is_secure_and_links_have_its_prefix(behind: World) -> None:
    said = {
        "x-forwarded-proto": "https",
        "x-forwarded-host": "ota.example.org",
        "x-forwarded-prefix": "/iot",
        "x-forwarded-for": "203.0.113.9",
    }
    client = behind.client(headers={**BROWSER, **said}, **PROXY)
    assert client.get("/").headers["location"].startswith("/iot/login?next=")
    page = client.get("/iot/login")
    assert 'action="/iot/login"' in page.text
    assert "secure" in page.headers["set-cookie"].lower()
    form = {"word": form_word(page), "name": behind.login[0], "password": behind.login[1]}
    session = behind.client(headers={**BROWSER, **said}, cookies=dict(page.cookies), **PROXY)
    answer = session.post("/login", data=form)
    assert answer.headers["location"] == "/iot/"
    assert "secure" in answer.headers["set-cookie"].lower()


def test_another_site_is_told_from_ours_by_the_name_that_the_browser_used(behind: World) -> None:
    said = {"x-forwarded-host": "ota.example.org", "x-forwarded-proto": "https"}
    curl = behind.client(headers=said, **PROXY)
    ours = curl.post(
        "/update", auth=behind.login, headers={"origin": "https://ota.example.org", "cookie": "a=b"}
    )
    other = curl.post(
        "/update", auth=behind.login, headers={"origin": "https://evil.example", "cookie": "a=b"}
    )
    assert "another site" in other.text
    assert "another site" not in ours.text


@pytest.mark.parametrize(
    "headers",
    [{"x-forwarded-host": "evil.example"}, {"host": "evil.example", "x-forwarded-host": "ota.example.org"}],
)
def test_a_strangers_name_is_refused_whether_the_proxy_or_the_browser_says_it(
    behind: World, headers: dict[str, str]
) -> None:
    assert behind.client(headers={**BROWSER, **headers}, **PROXY).get("/login").status_code == 421


def test_guesses_behind_a_proxy_are_counted_by_who_makes_them(behind: World) -> None:
    def guess(who: str) -> int:
        client = behind.client(headers={"x-forwarded-for": who}, **PROXY)
        return int(client.get("/", auth=("admin", "wrong")).status_code)

    assert [guess("203.0.113.9") for _ in range(6)] == [401] * 5 + [429]
    assert guess("203.0.113.10") == 401


def test_nobody_escapes_the_limit_by_writing_the_header_themselves(behind: World) -> None:
    def guess(number: int) -> int:
        client = behind.client(
            headers={"x-forwarded-for": f"203.0.113.{number}"},
            base_url="http://ota.local",
            client=("8.8.8.8", 1),
        )
        return int(client.get("/", auth=("admin", "wrong")).status_code)

    assert [guess(number) for number in range(7)] == [401] * 5 + [429] * 2


def test_nobody_becomes_a_neighbour_by_writing_the_header_themselves(
    make_world: Callable[..., World],
) -> None:
    world = make_world(
        auth={"mode": "password", "open_to_private": True}, http={"trusted_proxies": ["10.0.0.2"]}
    )
    near = {"x-forwarded-for": "192.168.1.7"}
    far = world.client(headers={**BROWSER, **near}, client=("93.184.216.34", 1))
    assert far.get("/").status_code == 303
    through = world.client(headers={**BROWSER, "x-forwarded-for": "93.184.216.34"}, **PROXY)
    assert through.get("/").status_code == 303
    assert world.client(headers={**BROWSER, **near}, **PROXY).get("/").status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip"])
def test_nobody_becomes_a_neighbour_through_a_proxy_that_we_do_not_know(
    make_world: Callable[..., World], header: str, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(auth={"mode": "password", "open_to_private": True})
    proxy = {"client": ("192.168.1.2", 1)}
    assert world.client(headers=BROWSER, **proxy).get("/blurb").status_code == 200
    through = world.client(headers={**BROWSER, header: "93.184.216.34"}, **proxy)
    assert through.get("/blurb").status_code == 303
    assert "192.168.1.2 is not in trusted_proxies" in caplog.text


def test_home_assistant_shows_the_pages_in_its_frame_and_nobody_else_does(behind: World) -> None:
    ingress = behind.client(headers={**BROWSER, "x-ingress-path": "/api/hassio_ingress/tok"}, **PROXY)
    inside = ingress.get("/login")
    assert "frame-ancestors 'self'" in inside.headers["content-security-policy"]
    assert inside.headers["x-frame-options"] == "SAMEORIGIN"
    assert 'action="/api/hassio_ingress/tok/login"' in inside.text
    stranger = behind.client(headers={**BROWSER, "x-ingress-path": "/x"}, client=("8.8.8.8", 1))
    assert "frame-ancestors 'none'" in stranger.get("/login").headers["content-security-policy"]


def test_the_log_names_the_device_and_not_the_proxy_in_front_of_the_endpoint(
    behind: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for client, who in ((("10.0.0.2", 1), "192.168.1.44"), (("203.0.113.9", 1), "203.0.113.9")):
        caplog.clear()
        behind.client(headers={**ESP, "x-forwarded-for": "192.168.1.44"}, client=client).get("/ota")
        assert f" at {who} asked" in caplog.text
