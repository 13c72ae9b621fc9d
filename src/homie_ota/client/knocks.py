"""The API of a running server about sketches that knock."""

from __future__ import annotations

from homie_ota.client.calls import Calls, Json, segment

PAGE = 200


class KnockCalls(Calls):
    """What can be asked about who knocks; failures are as for every other request."""

    def knocks(self) -> list[Json]:
        """Who asked for an update over HTTP and is not known, the latest first."""
        return list(self._all("/knocks", {"limit": PAGE}))

    def adopt(self, mac: str, name: str, base: str = "") -> Json:
        """Make one a device; its id is in `device`. NotFound, Conflict, WrongUse."""
        body = {"name": name, "base": base} if base else {"name": name}
        return self._send("POST", f"/knocks/{segment(mac)}/adopt", body)

    def forget_knock(self, mac: str) -> Json:
        """Take one off the list; NotFound."""
        return self._object("DELETE", f"/knocks/{segment(mac)}")
