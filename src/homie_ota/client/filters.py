"""The API of a running server about filters that people gave a name."""

from __future__ import annotations

from homie_ota.client.calls import Calls, Json, segment

PAGE = 200


class FilterCalls(Calls):
    """What can be asked about saved filters; failures are as for every other request."""

    def filters(self) -> list[Json]:
        """All of them, by name."""
        return list(self._all("/filters", {"limit": PAGE}))

    def save_filter(self, name: str, query: str, sort: str = "") -> Json:
        """Give a query a name, or replace the one that has it; WrongUse, Conflict."""
        return self._send("PUT", f"/filters/{segment(name)}", {"query": query, "sort": sort})

    def forget_filter(self, name: str) -> Json:
        """Forget a filter; NotFound."""
        return self._object("DELETE", f"/filters/{segment(name)}")
