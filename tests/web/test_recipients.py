"""Who elsewhere is told what happens: on the page of the health, over the API, and their test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from homie_ota.config.announcing import AnnounceSettings
from homie_ota.store import events, recipients
from homie_ota.store.recipients import Recipient
from web.world import BROWSER, World, form_word

API = "/api/v1/recipients"
SECRET = "hunter2hunter2hunter2"
NOW = time.time()


@pytest.fixture
def told(world: World) -> World:
    hook = {"url": f"https://jo:{SECRET}@hooks.example/{SECRET}?key={SECRET}", "secret": SECRET}
    announce = AnnounceSettings(notify=[f"ntfy://{SECRET}"], webhooks=[hook])  # type: ignore[arg-type]
    world.shell.settings = world.settings.model_copy(update={"announce": announce})
    return world


def known(world: World, number: int, **facts: Any) -> None:
    name = world.shell.settings.announce.recipients[number].name
    row = Recipient(name, 7)._replace(**facts)
    world.write(lambda conn: recipients.save(conn, row))


def listed(world: World, query: str = "") -> dict[str, Any]:
    answer = world.client().get(API + query)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_without_settings_there_is_nobody(world: World) -> None:
    assert listed(world) == {"items": [], "total": 0, "next": None}
    assert world.client().post(f"{API}/test").status_code == 409
    page = world.client(headers=BROWSER).get("/health").text
    assert "Send a test" not in page


def test_everybody_of_the_settings_is_listed_without_an_address(told: World) -> None:
    found = listed(told)
    assert [(each["kind"], each["label"], each["state"]) for each in found["items"]] == [
        ("notification", "Notification 1 (ntfy)", "new"),
        ("webhook", "The webhook at https://hooks.example", "new"),
    ]
    first = listed(told, "?limit=1")
    rest = listed(told, f"?limit=1&cursor={first['next']}")
    assert [each["kind"] for each in (*first["items"], *rest["items"])] == ["notification", "webhook"]


FAILING = {
    "failing_since": NOW - 60,
    "tries": 3,
    "next_at": NOW + 30,
    "last_error": "It answered 503.",
    "waiting": 2,
}
STATES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "new", "has not been told anything yet."),
    ({"last_ok": NOW - 5}, "well", "was told."),
    (FAILING, "failing", "could not be told: It answered 503. 2 messages wait."),
    ({**FAILING, "is_dead": True, "lost": 9}, "dead", "It is given up"),
]


@pytest.mark.parametrize(("facts", "state", "words"), STATES)
def test_how_it_goes_is_told_by_the_api_and_on_the_page(
    told: World, facts: dict[str, Any], state: str, words: str
) -> None:
    known(told, 1, **facts)
    hook = listed(told)["items"][1]
    assert (hook["state"], hook["reached"]) == (state, 7)
    assert (hook["next_try_at"] is not None) is ("tries" in facts)
    page = told.client(headers=BROWSER).get("/health").text
    assert words in page
    assert SECRET not in page


def test_a_test_is_an_event_for_everybody_from_the_api_and_from_the_page(told: World) -> None:
    answer = told.client().post(f"{API}/test")
    assert (answer.status_code, answer.json()["event"]) == (202, 1)
    client = told.client(headers=BROWSER)
    form = {"word": form_word(client.get("/health")), "action": "test"}
    assert client.post("/health", data=form).headers["location"] == "/health"
    assert client.post("/health", data={**form, "action": "eat"}).status_code == 400
    rows = told.read(events.recent)
    assert [(row["kind"], row["seq"]) for row in rows] == [("test", 2), ("test", 1)]
    assert "asked for it" in rows[0]["data"]["text"]


def test_who_may_only_look_sees_them_and_may_not_send_a_test(make_world: Callable[..., World]) -> None:
    world = make_world(admin=True)
    assert world.client().get(API).status_code == 401
    assert world.client().post(f"{API}/test").status_code == 401
