"""The pages of the log: what happened by any filter, and who did what with its chain."""

from __future__ import annotations

import html
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.errors import WrongUse
from homie_ota.rollout import telling
from homie_ota.store import attempts, audit, events
from homie_ota.store.tables import audit as audit_table
from homie_ota.web import log_filter, log_pages
from web.world import BROWSER, World

NOW = 1_700_000_000.0


def page(world: World, path: str, *, status: int = 200, **query: str) -> str:
    answer = world.client(headers=BROWSER).get(path, params=query or None)
    assert answer.status_code == status
    return str(answer.text)


def add(world: World, kind: str, text: str, **more: Any) -> None:
    at = more.pop("at", time.time())
    world.write(
        lambda conn: events.add(conn, kind, at=at, data={"text": text, **more.pop("data", {})}, **more)
    )


def texts(shown: str) -> list[str]:
    return re.findall(r"says ([a-z]+)", shown)


def test_what_happened_is_filtered_by_device_firmware_person_kind_and_time(world: World) -> None:
    firmware = world.firmware("lamp", "2.0.0")
    hall, attic = world.device("hall"), world.device("attic")
    add(world, "device", "says old", device_pk=hall, at=time.time() - 7200)
    add(world, "device", "says hall", device_pk=hall)
    add(world, "device", "says attic", device_pk=attic, actor="ann", data={"sha256": firmware.sha256})
    add(world, "thing", "says thing", actor="bob <b>")
    assert texts(page(world, "/log")) == ["thing", "attic", "hall", "old"]
    cases: tuple[tuple[dict[str, Any], list[str]], ...] = (
        ({"device": "hall"}, ["hall", "old"]),
        ({"device": "homie~hall", "since": "1h"}, ["hall"]),
        ({"until": "30m"}, ["old"]),
        ({"kind": "thing"}, ["thing"]),
        ({"who": "ann"}, ["attic"]),
        ({"firmware": "lamp@2.0.0"}, ["attic"]),
        ({"firmware": firmware.filename}, ["attic"]),
        ({"firmware": firmware.sha256}, ["attic"]),
        ({"firmware": "0" * 64}, []),
        ({"who": "ann", "device": "hall"}, []),
    )
    for query, expected in cases:
        assert texts(page(world, "/log", **query)) == expected, query
    shown = page(world, "/log")
    assert "bob <b>" not in shown
    links = {html.unescape(found) for found in re.findall(r'href="(/log\?[^"]+)"', shown)}
    assert {f"/log?firmware={firmware.sha256}", "/log?who=ann", "/log?kind=thing"} <= links


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("rollout", {"rollout": 3, "event": "create", "state": "draft"}, "rollout 3 made"),
        ("rollout", {"rollout": 3, "event": "wave", "wave": 0, "state": "running"}, "rollout 3 wave 1 running"),
        ("address", {"address": "homie~5ccf7fbd2216"}, "announces itself as homie/5ccf7fbd2216 from now on"),
        ("property", {"event": "set", "node": "relay", "prop": "on", "value": "true"}, "relay/on set to true"),
        ("retention", {"event": "pruned", "what": "messages", "count": 7}, "7 messages pruned"),
        ("removal", {"event": "deleted"}, "deleted"),
    ],
)  # fmt: skip
def test_what_is_in_the_log_is_said_in_words(
    world: World, kind: str, data: dict[str, Any], told: str
) -> None:
    world.write(lambda conn: events.add(conn, kind, at=time.time(), data=data))
    (said,) = re.findall(r'<td class="text">(.*?)</td>', page(world, "/log"))
    assert re.sub("<[^>]*>", "", said) == told
    assert ('href="/rollouts/3"' in said) is (kind == "rollout")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"device": "nobody"}, "no device"),
        ({"firmware": "lamp@9"}, "no firmware"),
        ({"since": "yesterday"}, "2026-11-23 14:05"),
        ({"since": "1h", "until": "2h"}, "nothing can be in between"),
    ],
)
def test_a_filter_without_a_meaning_is_answered_with_one_that_has(
    world: World, query: dict[str, Any], word: str
) -> None:
    add(world, "device", "says something")
    shown = page(world, "/log", status=400, **query)
    assert word in html.unescape(shown)
    assert texts(shown) == [], "not everything instead"
    assert f'value="{next(iter(query.values()))}"' in shown, "what was typed stays"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("90s", NOW - 90),
        ("10m", NOW - 600),
        ("10 min", NOW - 600),
        ("2H", NOW - 7200),
        ("1w", NOW - 7 * 86400),
        ("2023-11-14", datetime(2023, 11, 14, tzinfo=UTC).timestamp()),
        ("2023-11-14 22:13:20", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
    ],
)
def test_a_time_is_how_long_ago_a_day_or_a_moment(text: str, moment: float | None) -> None:
    assert log_filter.moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["x", "-1h", "1y", "2023-13-01", "1" * 9 + "d", "9999999-01-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match="is no time"):
        log_filter.moment(text, NOW)


def test_older_events_are_a_page_away_with_the_same_filter(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_pages, "A_PAGE", 2)
    for word in ("a", "b", "c"):
        add(world, "thing", f"says {word}")
        add(world, "other", "says nothing")
    first = page(world, "/log", kind="thing")
    assert texts(first) == ["c", "b"]
    assert "data-tail" in first
    (older,) = re.findall(r'href="([^"]+)" rel="next"', first)
    second = page(world, html.unescape(older))
    assert texts(second) == ["a"]
    assert "data-tail" not in second, "what is past does not go on"
    assert 'href="/log?kind=thing"' in second


def test_every_kind_of_event_that_the_server_writes_can_be_chosen() -> None:
    assert set(telling.EVERY) == set(log_filter.KINDS)
    written = {attempts.CURE}
    for path in Path(log_filter.__file__).parents[1].rglob("*.py"):
        text = path.read_text("utf-8")
        if "events.add(" in text:
            written |= set(re.findall(r'events\.add\(\s*\w+,\s*"(\w+)"', text))
            written |= set(re.findall(r'^KIND = "(\w+)"', text, re.MULTILINE))
    assert written == set(telling.EVERY)


# --- Who did what


def deed(world: World, who: str, why: str) -> None:
    row = {"who": who, "what": "did something", "why": why, "from_where": "10.0.0.9"}
    world.write(lambda conn: audit.add(conn, at=NOW, **row))


def test_who_did_what_is_filtered_by_person_and_words(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_pages, "A_PAGE", 2)
    for who, why in (("ann", "says a"), ("bob", "says b to hall-lamp"), ("ann", "says c"), ("<b>", "says d")):
        deed(world, who, why)
    assert texts(page(world, "/log/audit")) == ["d", "c"]
    assert "<b></a>" not in page(world, "/log/audit")
    assert texts(page(world, "/log/audit", who="ann")) == ["c", "a"]
    assert texts(page(world, "/log/audit", q="hall-LAMP")) == ["b"]
    (older,) = re.findall(r'href="([^"]+)" rel="next"', page(world, "/log/audit"))
    assert texts(page(world, html.unescape(older))) == ["b", "a"]


def test_the_chain_is_followed_when_somebody_asks(world: World) -> None:
    deed(world, "ann", "one")
    deed(world, "ann", "two")
    assert "2 rows, each sealed" in page(world, "/log/audit")
    whole = page(world, "/log/audit", check="1")
    head = world.read(audit.head)
    assert "The chain is whole: 2 rows" in whole
    assert head.hash in whole

    def forge(conn: Any) -> None:
        for name in ("audit_no_update", "audit_no_delete"):
            conn.exec_driver_sql(f"DROP TRIGGER {name}")
        conn.execute(sa.update(audit_table).where(audit_table.c.seq == 1).values(who="eve"))

    world.write(forge)
    broken = page(world, "/log/audit", check="1")
    assert "Row 1 was changed" in broken
    assert "whole" not in broken
