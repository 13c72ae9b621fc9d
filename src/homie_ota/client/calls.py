"""How the API is asked: pages of lists, objects, what is sent; the answers as values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from homie_ota.client.connection import Body, Connection

API = "/api/v1"

Json = dict[str, Any]


class Calls:
    """Requests to one server."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.server = connection.server

    def _all(self, path: str, asked: dict[str, str | int]) -> Iterator[Json]:
        """The items of a list, page after page."""
        while True:
            page = self._object("GET", path + query(asked))
            yield from page.get("items") or ()
            if not page.get("next"):
                return
            asked = {**asked, "cursor": page["next"]}

    def _send(self, method: str, path: str, body: Json) -> Json:
        return self._object(method, path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _list(self, method: str, path: str) -> list[Json]:
        found = self._connection.request(method, API + path)
        items = found.get("items") if isinstance(found, dict) else found
        return items if isinstance(items, list) else self._connection.strange()

    def _object(
        self, method: str, path: str, body: Body = None, headers: dict[str, str] | None = None
    ) -> Json:
        found = self._connection.request(method, API + path, body, headers)
        return found if isinstance(found, dict) else self._connection.strange()


def segment(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="~")


def query(asked: Mapping[str, str | int] | Sequence[tuple[str, str]]) -> str:
    """What is asked for, as the end of an address; what is empty, or the number 0, is left out."""
    pairs = asked.items() if isinstance(asked, Mapping) else asked
    given = [(key, value) for key, value in pairs if value not in ("", 0)]
    return f"?{urlencode(given)}" if given else ""
