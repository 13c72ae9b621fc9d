"""Events that a person may have to be told, with what they are about: device, image, deployment, rollout.

Rule: here it is only found and read; what is worth a message, and its words, are in `announce/notices.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState
from homie_ota.store import deployments, memberships, naming, rollouts, tail
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import event

Row = dict[str, Any]

LOOKED_THROUGH = 5000
"""Events looked through in one transaction; few of them are found."""
_STOPS = ("pause", "drain", "revert", "abort", "finish")


def _word(name: str) -> Any:
    return event.c.data[name].as_string()


def _is(kind: str, name: str = "", *words: str) -> sa.ColumnElement[bool]:
    of_kind = event.c.kind == sa.literal_column(f"'{kind}'")
    return of_kind & _word(name).in_(words) if words else of_kind


WANTED = tail.Wanted(
    only=sa.or_(
        _is("deployment", "state", DeploymentState.FAILED.value),
        _is("rollout", "event", *_STOPS),
        _is("quarantine", "event", "held"),
        _is("leftover", "event", "found"),
        _is("alarm", "event", "began"),
        _is("device", "event", "went-back", "restarting"),
        _is("server"),
        _is("test"),
    )
)
"""Events of which one may be worth a message."""


class About(NamedTuple):
    """What an event is about, as far as it is known: key and id of the device, name and version of the image.

    `ended`: how many devices of the rollout, where it is finished, came to which end.
    """

    device: tuple[str, str] | None = None
    image: str = ""
    deployment: Deployment | None = None
    rollout: Rollout | None = None
    ended: Mapping[str, int] = MappingProxyType({})


def read(conn: Connection, *, after: int, settled: int) -> tail.Part:
    """The next of them behind a number, each row with its `about`."""
    part = tail.part(conn, WANTED, after=after, settled=settled, limit=LOOKED_THROUGH)
    return part._replace(rows=_with_about(conn, part.rows))


def _with_about(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    keys = naming.devices(conn, [row["device_pk"] for row in rows if row["device_pk"] is not None])
    attempts = {
        each: deployments.get(conn, each) for row in rows if (each := row["deployment_id"]) is not None
    }
    courses = {each: rollouts.get(conn, each) for row in rows if (each := _rollout_of(row)) is not None}
    ended = memberships.totals(
        conn, [_rollout_of(row) or 0 for row in rows if row["data"].get("event") == "finish"]
    )
    hashes = {row["seq"]: _sha256(row, courses) for row in rows}
    images = naming.images(conn, [sha256 for sha256 in hashes.values() if sha256])
    return [
        {
            **row,
            "about": About(
                device=keys.get(row["device_pk"]),
                image=" ".join(images.get(hashes[row["seq"]], ())).strip(),
                deployment=attempts.get(row["deployment_id"]),
                rollout=courses.get(_rollout_of(row) or 0),
                ended=ended.get(_rollout_of(row) or 0, {}),
            ),
        }
        for row in rows
    ]


def _rollout_of(row: Row) -> int | None:
    found = row["data"].get("rollout") if row["kind"] == "rollout" else None
    return found if isinstance(found, int) else None


def _sha256(row: Row, courses: dict[int, Rollout | None]) -> str:
    of = courses.get(_rollout_of(row) or 0)
    return of.sha256 if of is not None else str(row["sha256"] or "")
