"""Words from a file as people may see them.

Rule: what a file says is data: without control characters, of bounded length, and never a path.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime

from homie_ota.model import MAX_NAME


def clean(text: str, limit: int = MAX_NAME) -> str:
    """Text from a file without control characters and spaces around it, at most `limit` characters."""
    seen = (c for c in text[: 4 * limit] if not unicodedata.category(c).startswith("C"))
    return "".join(seen).strip()[:limit].strip()


def c_string(data: bytes, limit: int = MAX_NAME) -> str:
    """The text before the first NUL of a field of fixed length, cleaned."""
    return clean(data.partition(b"\0")[0].decode(errors="replace"), limit)


def iso_date(text: str) -> str:
    """The text when it is a date (and time) that exists, in ISO form; else nothing."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return ""
    return text
