"""One event of the log as a sentence, the same for pages, programs, webhooks and notifications.

Rule: the words of an event are made of its row alone; names of devices are given by whoever has them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from homie_ota.rollout.lifecycle import Event

Row = Mapping[str, Any]
Names = Mapping[int, str]

NAMED = 5
"""Devices that one sentence names."""


def sentence(row: Row) -> str:
    """What happened, of a row of the log with `kind` and `data`."""
    data: Row = row["data"] or {}
    write = KINDS.get(row["kind"])
    if write is not None:
        return write(data)
    return (
        str(data["text"]) if "text" in data else ", ".join(f"{name} {value}" for name, value in data.items())
    )


def _deployment(data: Row) -> str:
    if "event" not in data:
        return f"ordered{': ' + str(data['override']) if data.get('override') else ''}"
    event = str(data["event"])
    text = f"{data.get('from', '')} → {data.get('state', '')}: {_STEPS.get(event, event)}"
    return f"{text}. {data['reason']}" if data.get("reason") else text


_STEPS: dict[str, str] = {
    Event.OFFER: "offered to the device",
    Event.ACCEPT: "the device takes it",
    Event.PROGRESS: "the device takes it",
    Event.FLASH: "the whole image is there",
    Event.LEAVE: "the device left to restart",
    Event.CONFIRM: "back with the new firmware",
    Event.REFUTE: "back with what it ran before",
    Event.STRAY: "back with a third firmware",
    Event.HEAL: "stayed well",
    Event.HARM: "not well",
    Event.REFUSE: "refused",
    Event.BREAK: "could not be sent",
    Event.EXPIRE: "no news for too long",
    Event.CANCEL: "taken back",
    Event.SETTLE: "runs it already",
    Event.LAPSE: "waited as long as it was to wait",
}
"""What can happen to a deployment (`lifecycle.Event`), as people say it."""


def _ota(data: Row) -> str:
    return f"asked over HTTP, answered {data.get('answer', '')}: {data.get('why', '')}"


def _mark(data: Row) -> str:
    if data.get("event") == "pin":
        return f"pinned until {_moment(data.get('until'))} UTC: {data.get('reason', '')}"
    return f"{data.get('event', '')} {data.get('tag', '')}".strip()


def _moment(at: float | None) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _told(data: Row) -> str:
    """What happened, and the sentence or the topic that belongs to it."""
    told = next((data[name] for name in ("reason", "why", "text", "topic") if data.get(name)), "")
    return f"{data.get('event', '')}: {told}" if told else str(data.get("event", ""))


def _firmware(data: Row) -> str:
    return f"runs {data.get('name', '')} {data.get('version', '')} now".replace("  ", " ")


def _address(data: Row) -> str:
    return f"announces itself as {str(data.get('address', '')).replace('~', '/')} from now on"


def _property(data: Row) -> str:
    return f"{data.get('node', '')}/{data.get('prop', '')} set to {data.get('value', '')}"


def _retention(data: Row) -> str:
    return f"{data.get('count', 0)} {data.get('what', '')} pruned"


# --- Rollouts -------------------------------------------------------------------------------------------------------


def of_rollout(data: Row, names: Names | None = None) -> str:
    """One event of a rollout; `names` of the devices in it."""
    return _ROLLOUT.get(str(data.get("event")), _moved)(data, names or {})


def _moved(data: Row, _names: Names) -> str:
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


def _wave(data: Row, _names: Names) -> str:
    why, state = data.get("why"), str(data.get("state", ""))
    name = "late joiners" if data.get("lane") else f"wave {int(data.get('wave', 0)) + 1}"
    return f"{name} {_OF_LANE.get(state, state) if data.get('lane') else state}{f': {why}' if why else ''}"


_OF_LANE = {"running": "may go, one at a time", "failed": "go no more"}
"""State of the lane → what that means for late joiners."""


def _some(data: Row, names: Names) -> str:
    """The devices of an event, the first by name."""
    pks = list(data.get("devices") or ())
    count = int(data.get("count", len(pks)))
    shown = [names[pk] for pk in pks[:NAMED] if pk in names]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return f"{', '.join(shown)}{more}" if shown else f"{count} devices"


def _absent(data: Row, names: Names) -> str:
    why = data.get("why") or "Never woke up in their time."
    return f"late joiners from now on: {_some(data, names)}. {why}"


def _joined(data: Row, names: Names) -> str:
    return f"came anew, and join the lane: {_some(data, names)}"


def _why(data: Row, names: Names) -> str:
    return f"{_some(data, names)}: {data.get('why', '')}"


_ROLLOUT: dict[str, Callable[[Row, Names], str]] = {
    "wave": _wave,
    "absent": _absent,
    "join": _joined,
    "substitute": _why,
    "bench": _why,
}

KINDS: dict[str, Callable[[Row], str]] = {
    "rollout": of_rollout,
    "address": _address,
    "property": _property,
    "retention": _retention,
    "deployment": _deployment,
    "ota": _ota,
    "mark": _mark,
    "firmware": _firmware,
    **dict.fromkeys(("quarantine", "leftover", "cure", "alarm", "removal"), _told),
}
"""Kind of an event → its sentence; any other kind is told by the `text` of its data, or by all of them."""

EVERY = (*KINDS, "adopted", "device", "refused", "server", "test")
"""Every kind of event that this server writes."""
