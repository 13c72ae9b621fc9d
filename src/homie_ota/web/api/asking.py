"""What the routes of the API have in common: lists page by page, and the problems that they may answer."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from homie_ota.errors import WrongUse

Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=4000)]
Number = Annotated[int, Field(ge=0, le=2**53)]
PathNumber = Annotated[int, Path(ge=0, le=2**53)]
Flag = Annotated[bool, Strict()]
"""true or false in a body, and nothing else that might mean it."""
NO_TEXT = 1 << 24
"""Characters that no text has."""
LATEST = datetime(3000, 1, 1, tzinfo=UTC)
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
FAILS: dict[int | str, dict[str, Any]] = {
    404: {**_PROBLEM, "description": "There is no such thing."},
    409: {**_PROBLEM, "description": "Not in the state that this needs."},
}


class Shape(BaseModel):
    """An object of the API: what is not named is refused, and so is text that is no Unicode (half a surrogate pair)."""

    # Only a text with a largest size is looked at; none is as long as that, and the description does not tell it.
    model_config = ConfigDict(extra="forbid", str_max_length=NO_TEXT)


def _written(given: object) -> object:
    if isinstance(given, str) and re.match(r"\d{4}-\d\d-\d\d[Tt ]", given):
        return given  # pydantic would take a number for seconds since 1970, too
    raise ValueError("write a moment as 2026-03-01T12:00:00Z, or with an offset such as +01:00")


def _with_zone(given: datetime) -> datetime:
    if given.tzinfo is None:
        raise ValueError("it has no zone: write 2026-03-01T12:00:00Z, or with an offset such as +01:00")
    if given >= LATEST:
        raise ValueError("give a moment before the year 3000")
    return given


Instant = Annotated[datetime, BeforeValidator(_written), AfterValidator(_with_zone)]
"""A moment in a body, with a zone."""

T = TypeVar("T")
Key = tuple[str | float, ...]
"""By what a list is sorted, unique in it."""


class Cut(NamedTuple):
    """One page of a list: where it begins and ends in it, and the cursor of the next one."""

    begin: int
    end: int
    next: str | None


def cut(items: Sequence[T], key: Callable[[T], Key], limit: int, cursor: str) -> Cut:
    """The page behind a cursor, of a list that is short enough to be read whole and rises by its key.

    It goes on behind what was shown last, whatever has come or gone meanwhile. Raises WrongUse for another cursor.
    """
    keys = [key(each) for each in items]
    begin = 0
    if cursor:
        last = _opened(cursor)
        if keys and [type(each) for each in last] != [type(each) for each in keys[0]]:
            raise _not_ours()
        begin = sum(each <= last for each in keys)
    end = min(len(keys), begin + limit)
    return Cut(begin, end, _closed(keys[end - 1]) if end < len(keys) else None)


def cut_behind(names: Sequence[str], limit: int, cursor: str) -> Cut:
    """The page behind a cursor, of things in whatever order, each with a name of its own; as `cut`.

    Where the last one that was shown is gone, it goes on at its place. Raises WrongUse for another cursor.
    """
    begin = 0
    if cursor:
        last = _opened(cursor)
        if [type(each) for each in last] != [str, float]:
            raise _not_ours()
        name, place = str(last[0]), float(last[1])
        begin = names.index(name) + 1 if name in names else int(min(max(place, 0), len(names)))
    end = min(len(names), begin + limit)
    return Cut(begin, end, _closed((names[end - 1], float(end - 1))) if end < len(names) else None)


def _closed(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _opened(cursor: str) -> Key:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"==="))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or not all(_is_sortable(each) for each in key):
        raise _not_ours()
    return tuple(key)


def _is_sortable(part: object) -> bool:
    return isinstance(part, str) or (isinstance(part, float) and math.isfinite(part))


def _not_ours() -> WrongUse:
    return WrongUse("This cursor does not belong to this list. Begin again without one.")


def cursor_number(text: str) -> int | None:
    """The number that a cursor of ours is; None where none was given. Raises WrongUse for another one."""
    if text and not (text.isdecimal() and len(text) < 16):
        raise _not_ours()
    return int(text) if text else None
