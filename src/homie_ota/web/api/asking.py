"""What the routes of the API have in common: lists page by page, and the problems that they may answer."""

from __future__ import annotations

from typing import Annotated, Any

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


def cursor_number(text: str) -> int | None:
    """The number that a cursor of ours is; None where none was given. Raises WrongUse for another one."""
    if text and not (text.isdecimal() and len(text) < 16):
        raise WrongUse("This cursor does not belong to this list. Begin again without one.")
    return int(text) if text else None
