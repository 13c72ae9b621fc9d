"""Whether a column matches what a person typed, whatever the database and the case.

Rule: what was typed is a bound value, and the signs of LIKE in it mean themselves; no condition is ever NULL.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from homie_ota.query import ANY, Text

Condition = sa.ColumnElement[bool]
Column = sa.ColumnElement[Any]

_ESCAPE = "\\"


def fits(column: Column, text: Text) -> Condition:
    """The column is `text`, whatever the case (on SQLite of ASCII); a wildcard stands for anything."""
    if text == ANY:
        return column != ""
    if text.plain is not None:
        return sa.func.lower(column) == sa.func.lower(text.plain)
    return column.ilike(_pattern(text), escape=_ESCAPE)


def _pattern(text: Text) -> str:
    for sign in (_ESCAPE, "%", "_"):
        text = replaced(text, sign, _ESCAPE + sign)
    return "%".join(text.parts)


def exactly(column: Column, text: Text) -> Condition:
    """The same, but with the case where there is no wildcard: an index finds it."""
    return column == text.plain if text.plain is not None else fits(column, text)


def replaced(text: Text, old: str, new: str) -> Text:
    """`text` with every `old` outside its wildcards replaced."""
    return Text(tuple(part.replace(old, new) for part in text.parts))


def has(text: Text, signs: str) -> bool:
    """True when one of these characters was typed."""
    return any(sign in part for part in text.parts for sign in signs)


def there_is(*where: Condition) -> Condition:
    """A row with all of `where` exists."""
    # PostgreSQL makes one join of dozens of bare EXISTS, and takes minutes to plan it; not inside COALESCE.
    return sa.func.coalesce(sa.exists().where(*where), sa.false(), type_=sa.Boolean)
