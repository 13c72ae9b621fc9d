"""What a page shows, put together from rows: texts of events, values with what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from homie_ota.store import devices, naming, search
from homie_ota.store.database import Connection
from homie_ota.web import words

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


_TEXTS: dict[str, Callable[[Row], str]] = {
    "deployment": _deployment_text,
    "ota": _ota_text,
    "mark": _mark_text,
    "firmware": _firmware_text,
    **dict.fromkeys(("quarantine", "leftover", "cure", "alarm"), _told_text),
}


def told_events(rows: Sequence[Row]) -> list[Row]:
    """Events with their sentence as `text`."""
    return [{**row, "text": event_text(row)} for row in rows]


def log_events(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    """The same, with the `device` (key and id, or None) that each is about."""
    names = naming.devices(conn, [row["device_pk"] for row in rows if row["device_pk"] is not None])
    return [{**row, "device": names.get(row["device_pk"])} for row in told_events(rows)]


def values(row: Row, readings: Sequence[tuple[str, str, str, float | None, float]]) -> list[Row]:
    """The properties of a device in order, with value, unit and names where they are known."""
    found = {(node, prop): (value, at) for node, prop, value, _num, at in readings}
    told: dict[tuple[str, str], Row] = {}
    node_names: dict[str, str] = {}
    for node_id, node in (row["nodes"] or {}).items():
        node_names[node_id] = node.get("name", "")
        for prop_id, prop in (node.get("properties") or {}).items():
            told[node_id, prop_id] = prop
    lines = []
    for node_id, prop_id in sorted(told.keys() | found.keys()):
        prop, (value, at) = told.get((node_id, prop_id), {}), found.get((node_id, prop_id), ("", None))
        line = {
            "node": node_id,
            "node_name": node_names.get(node_id, ""),
            "prop": prop_id,
            "value": value,
            "at": at,
        }
        settable = prop.get("settable") in (True, "true")
        lines.append(
            {**line, "name": prop.get("name", ""), "unit": prop.get("unit", ""), "settable": settable}
        )
    return lines


_SHOWN = (
    ("implementation", "implementation"),
    ("homie", "Homie"),
    ("way", "updated by"),
    ("ip", "IP"),
    ("mac", "MAC"),
    ("md5", "runs MD5"),
)


_LEARNED = {
    "chip": "chip, by the last image that ran",
    "flash_config": "says its flash setting is wrong while it runs",
    "flash_refused": "refused an image for a flash of",
    "image_refused": "refused as no firmware",
    "no_space_beside": "no room, beside",
    "no_space_size": "no room for",
    "no_space_total": "no room for both images of",
    "reboot_seconds": "seconds its reboots took",
    "bytes_per_second": "bytes a second of its transfers",
    "rewritten_as": "changed the flash mode of",
    "rewritten_md5": "and announces since then",
    "took_flash": "took an image for a flash of",
    "took_size": "took an image of",
    "took_total": "had room for both images of",
}
"""Facts that deployments taught, as a person reads them; all others came with an HTTP request."""


def device_facts(row: Row, learned: dict[str, str], now: float) -> list[tuple[str, str]]:
    """Label and value of everything known about a device that is not a reading."""
    facts = [("id", f"{row['base']}{row['device_id']}")]
    facts.append(("firmware", f"{row['fw_name']} {row['fw_version']}".strip()))
    facts += [(label, str(row[name])) for name, label in _SHOWN]
    if row["ota_enabled"] is not None:
        facts.append(("OTA enabled", "yes" if row["ota_enabled"] else "no"))
    facts.append(("signal", "" if row["signal"] is None else f"{row['signal']:.0f} %"))
    facts.append(("uptime", words.duration(row["uptime"])))
    facts.append(("heap", words.size(row["heap"])))
    facts.append(("first seen", f"{words.moment(row['first_seen'])} UTC"))
    facts += [
        (_LEARNED.get(name, f"told over HTTP: {name}"), value) for name, value in sorted(learned.items())
    ]
    known = {label for _, label in _SHOWN}
    facts += [
        (name, value) for name, value in sorted((row["facts"] or {}).items()) if name not in known | _FLAT
    ]
    past = [each for each in row["addresses"] if each["until"] is not None]
    facts += [
        ("was", f"{each['base']}{each['device_id']}, until {words.age(each['until'], now)} ago")
        for each in past
    ]
    return [(label, value) for label, value in facts if value]


_FLAT = frozenset(
    {
        "name",
        "ip",
        "mac",
        "md5",
        "fw/name",
        "fw/version",
        "homie",
        "signal",
        "uptime",
        "heap",
        "nodes",
        "ota/enabled",
    }
)
"""Facts that have a column of their own, or a place of their own on the page."""


def device_line(conn: Connection, pk: int) -> Row | None:
    """One device as lists have it: its row with the running image, target and active deployment; None when gone."""
    row = devices.row(conn, pk)
    return None if row is None else search.complete(conn, [row])[0]
