"""What a page shows, put together from rows: texts of events, devices as lists have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from homie_ota.model import Firmware
from homie_ota.store import devices, naming, search
from homie_ota.store.database import Connection
from homie_ota.web import rollout_views, words

Row = dict[str, Any]


def event_text(row: Row) -> str:
    """One event as a sentence."""
    data: Row = row["data"] or {}
    write = _TEXTS.get(row["kind"])
    if write is not None:
        return write(data)
    return (
        str(data["text"]) if "text" in data else ", ".join(f"{name} {value}" for name, value in data.items())
    )


def _deployment_text(data: Row) -> str:
    if "event" not in data:
        return f"ordered{': ' + str(data['override']) if data.get('override') else ''}"
    text = f"{data.get('from', '')} → {data.get('state', '')} ({data['event']})"
    return f"{text}: {data['reason']}" if data.get("reason") else text


def _ota_text(data: Row) -> str:
    return f"asked over HTTP, answered {data.get('answer', '')}: {data.get('why', '')}"


def _mark_text(data: Row) -> str:
    if data.get("event") == "pin":
        return f"pinned until {words.moment(data.get('until'))} UTC: {data.get('reason', '')}"
    return f"{data.get('event', '')} {data.get('tag', '')}".strip()


def _told_text(data: Row) -> str:
    """What happened, and the sentence or the topic that belongs to it."""
    told = next((data[name] for name in ("reason", "why", "text", "topic") if data.get(name)), "")
    return f"{data.get('event', '')}: {told}" if told else str(data.get("event", ""))


def _firmware_text(data: Row) -> str:
    return f"runs {data.get('name', '')} {data.get('version', '')} now".replace("  ", " ")


def _address_text(data: Row) -> str:
    return f"announces itself as {str(data.get('address', '')).replace('~', '/')} from now on"


def _property_text(data: Row) -> str:
    return f"{data.get('node', '')}/{data.get('prop', '')} set to {data.get('value', '')}"


def _retention_text(data: Row) -> str:
    return f"{data.get('count', 0)} {data.get('what', '')} pruned"


_TEXTS: dict[str, Callable[[Row], str]] = {
    "rollout": rollout_views.text,
    "address": _address_text,
    "property": _property_text,
    "retention": _retention_text,
    "deployment": _deployment_text,
    "ota": _ota_text,
    "mark": _mark_text,
    "firmware": _firmware_text,
    **dict.fromkeys(("quarantine", "leftover", "cure", "alarm", "removed"), _told_text),
}


def told_events(rows: Sequence[Row]) -> list[Row]:
    """Events with their sentence as `text`."""
    return [{**row, "text": event_text(row)} for row in rows]


def log_events(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    """The same, with the `device` (key and id, or None) and the `rollout` (its number, or None) that each is about."""
    names = naming.devices(conn, [row["device_pk"] for row in rows if row["device_pk"] is not None])
    return [
        {**row, "device": names.get(row["device_pk"]), "rollout": _rollout(row)} for row in told_events(rows)
    ]


def _rollout(row: Row) -> int | None:
    found = (row["data"] or {}).get("rollout") if row["kind"] == "rollout" else None
    return found if isinstance(found, int) else None


def twins(images: Iterable[Firmware]) -> frozenset[str]:
    """The SHA-256 of those that share name and version with another: only their bytes tell them apart."""
    found = list(images)
    counts = Counter((each.name, each.version) for each in found)
    return frozenset(each.sha256 for each in found if counts[each.name, each.version] > 1)


def device_line(conn: Connection, pk: int) -> Row | None:
    """One device as lists have it: its row with the running image, target and active deployment; None when gone."""
    row = devices.row(conn, pk)
    return None if row is None else search.complete(conn, [row])[0]
