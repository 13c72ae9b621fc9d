"""What pages and API show of a rollout: its events as sentences, its numbers in routes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from homie_ota.errors import NotFound
from homie_ota.rollout.actions import Action
from homie_ota.store import naming, rollouts
from homie_ota.store.database import Connection

Row = dict[str, Any]
NAMED = 5
"""Devices that one sentence names."""


def number_of(text: str) -> int:
    """The number of a rollout in a route; NotFound where it is none."""
    if not text.isdecimal() or len(text) > 15:
        raise NotFound(f"There is no rollout {text[:40]}.")
    return int(text)


def told(conn: Connection, number: int, limit: int = 200) -> list[Row]:
    """What happened to a rollout, the newest first: `seq`, `at`, `actor`, `text`, `data`."""
    rows = rollouts.story(conn, number, limit=limit)
    named = {pk for row in rows for pk in (row["data"].get("devices") or ())[:NAMED]}
    names = {pk: each[1] for pk, each in naming.devices(conn, named).items()}
    kept = ("seq", "at", "actor", "data")
    return [{**{key: row[key] for key in kept}, "text": text(row["data"], names)} for row in rows]


def text(data: Row, names: dict[int, str] | None = None) -> str:
    """One event of a rollout as a sentence; `names` of the devices in it."""
    return _TEXTS.get(str(data.get("event")), _moved)(data, names or {})


def _moved(data: Row, _names: dict[int, str]) -> str:
    event, reason = str(data.get("event", "")), data.get("reason")
    word = _MOVED.get(event, f"{event}: {data.get('state', '')}")
    return f"{word}: {reason}" if reason else word


_MOVED = {
    "create": "made",
    "start": "started",
    "pause": "paused",
    "resume": "goes on",
    "drain": "ends with what was sent",
    "abort": "aborted",
    "revert": "goes back",
    "finish": "finished",
}


def _wave(data: Row, _names: dict[int, str]) -> str:
    why, state = data.get("why"), str(data.get("state", ""))
    name = "late joiners" if data.get("lane") else f"wave {int(data.get('wave', 0)) + 1}"
    return f"{name} {_OF_LANE.get(state, state) if data.get('lane') else state}{f': {why}' if why else ''}"


_OF_LANE = {"running": "may go, one at a time", "failed": "go no more"}
"""State of the lane → what that means for late joiners."""


def _some(data: Row, names: dict[int, str]) -> str:
    """The devices of an event, the first by name."""
    pks = list(data.get("devices") or ())
    count = int(data.get("count", len(pks)))
    shown = [names[pk] for pk in pks[:NAMED] if pk in names]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return f"{', '.join(shown)}{more}" if shown else f"{count} devices"


def _absent(data: Row, names: dict[int, str]) -> str:
    why = data.get("why") or "Never woke up in their time."
    return f"late joiners from now on: {_some(data, names)}. {why}"


def _joined(data: Row, names: dict[int, str]) -> str:
    return f"came anew, and join the lane: {_some(data, names)}"


def _why(data: Row, names: dict[int, str]) -> str:
    return f"{_some(data, names)}: {data.get('why', '')}"


_TEXTS: dict[str, Callable[[Row, dict[int, str]], str]] = {
    "wave": _wave,
    "absent": _absent,
    "join": _joined,
    "substitute": _why,
    "bench": _why,
}


def action_text(action: Action, lane: int) -> str:
    """One decision in words; `lane` is the number of the lane of late joiners."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(action).__name__).lower()
    number, reason = getattr(action, "wave", None), getattr(action, "reason", "")
    if number == lane:
        name = name.replace(" wave", "")
    place = "" if number is None else " the lane of late joiners" if number == lane else f" {number + 1}"
    return f"{name}{place}{f': {reason}' if reason else ''}"
