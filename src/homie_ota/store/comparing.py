"""Two stored images set beside each other, as a person names them."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from homie_ota.esp import compare as core
from homie_ota.esp.compare import Line, Side
from homie_ota.store import firmware


def compare(conn: Connection, a: str, b: str) -> tuple[Side, Side, list[Line]]:
    """Both sides and what is to be said of them; NotFound, or Conflict where a name means several images."""
    left, right = (_side(conn, text) for text in (a, b))
    return left, right, core.compare(left, right)


def _side(conn: Connection, text: str) -> Side:
    found = firmware.resolve(conn, text)
    return Side(found, firmware.inspection(conn, found.sha256))
