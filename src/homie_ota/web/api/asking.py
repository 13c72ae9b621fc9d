"""What the routes of the API have in common: lists page by page, and the problems that they may answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from homie_ota.errors import WrongUse

Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str, Query(max_length=4000)]
Number = Annotated[int, Field(ge=0, le=2**53)]
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}}
FAILS: dict[int | str, dict[str, Any]] = {
    404: {**_PROBLEM, "description": "There is no such thing."},
    409: {**_PROBLEM, "description": "Not in the state that this needs."},
}


class Shape(BaseModel):
    """An object of the API: what is not named is refused."""

    model_config = ConfigDict(extra="forbid")


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


def _closed(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def _opened(cursor: str) -> Key:
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"==="))
    except (ValueError, RecursionError):
        key = None
    if not isinstance(key, list) or not all(type(each) in (str, float) for each in key):
        raise _not_ours()
    return tuple(key)


def _not_ours() -> WrongUse:
    return WrongUse("This cursor does not belong to this list. Begin again without one.")


def cursor_number(text: str) -> int | None:
    """The number that a cursor of ours is; None where none was given. Raises WrongUse for another one."""
    if text and not (text.isdecimal() and len(text) < 16):
        raise _not_ours()
    return int(text) if text else None
