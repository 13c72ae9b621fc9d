"""What pages and API show of a rollout: its events as sentences, its numbers in routes."""

from __future__ import annotations

import re
from typing import Any

from homie_ota.errors import NotFound
from homie_ota.rollout import telling
from homie_ota.rollout.actions import Action
from homie_ota.store import naming, rollouts
from homie_ota.store.database import Connection

Row = dict[str, Any]


def number_of(text: str) -> int:
    """The number of a rollout in a route; NotFound where it is none."""
    if not text.isdecimal() or len(text) > 15:
        raise NotFound(f"There is no rollout {text[:40]}.")
    return int(text)


def told(conn: Connection, number: int, limit: int = 200) -> list[Row]:
    """What happened to a rollout, the newest first: `seq`, `at`, `actor`, `text`, `data`."""
    rows = rollouts.story(conn, number, limit=limit)
    named = {pk for row in rows for pk in (row["data"].get("devices") or ())[: telling.NAMED]}
    names = {pk: each[1] for pk, each in naming.devices(conn, named).items()}
    kept = ("seq", "at", "actor", "data")
    return [
        {**{key: row[key] for key in kept}, "text": telling.of_rollout(row["data"], names)} for row in rows
    ]


def action_text(action: Action, lane: int) -> str:
    """One decision in words; `lane` is the number of the lane of late joiners."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(action).__name__).lower()
    number, reason = getattr(action, "wave", None), getattr(action, "reason", "")
    if number == lane:
        name = name.replace(" wave", "")
    place = "" if number is None else " the lane of late joiners" if number == lane else f" {number + 1}"
    return f"{name}{place}{f': {reason}' if reason else ''}"
