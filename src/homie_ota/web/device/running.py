"""One deployment as its pages show it: the ladder, what is expected, before and after, and what was said.

Rule: a page shows the newest SHOWN messages; all of them are a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homie_ota.model import ENDED, Deployment
from homie_ota.rollout.ladder import Expected, climb, expect
from homie_ota.store import deployments, events, pace, telling, transcript, verifying
from homie_ota.store.database import Connection
from homie_ota.web import words

SHOWN = 300
"""Messages of a transcript on a page."""


def of(conn: Connection, found: Deployment) -> dict[str, Any]:
    """What a page shows of one deployment, by the names of the templates."""
    told = events.of_deployment(conn, found.id)
    return {
        "n": found,
        "active": found.state not in ENDED,
        "ladder": climb(found, told),
        "expected": expectation(conn, found),
        "events": telling.with_text(told),
        **said(conn, found.id),
    }


def expectation(conn: Connection, found: Deployment) -> Expected:
    """What is expected of the step that runs."""
    terms = verifying.SETTINGS["terms"]
    past = pace.past(conn, found.device_pk)
    return expect(found, past, pace.limits(conn, found, deployments.LIMITS), terms.intervals)


def said(conn: Connection, number: int) -> dict[str, Any]:
    """The newest messages of its transcript as lines, and how many there are in all."""
    count = transcript.count(conn, number)
    rows = transcript.latest(conn, number, SHOWN)
    return {"said": [line(row) for row in rows], "said_count": count}


_ARROWS = {"in": "<", "out": ">", "note": "*"}


def line(row: Mapping[str, Any]) -> str:
    """One message: `14:03:20.123 < homie/lamp/$state ready`; the moment in UTC, since a transcript is for others."""
    at = f"{words.moment(row['at'])[11:]}.{int(row['at'] * 1000) % 1000:03d}"
    kept = " (retained)" if row["retained"] else ""
    text = words.clean(row["text"], 400)
    return f"{at} {_ARROWS.get(row['direction'], '?')} {words.clean(row['topic'], 255)}{kept} {text}".rstrip()
