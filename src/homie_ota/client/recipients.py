"""The API of a running server about who elsewhere is told what happens."""

from __future__ import annotations

from homie_ota.client.calls import Calls, Json

PAGE = 200


class RecipientCalls(Calls):
    """What can be asked about notifications and webhooks; failures are as for every other request."""

    def recipients(self) -> list[Json]:
        """Everybody of `[announce]`, and how it goes with each."""
        return list(self._all("/recipients", {"limit": PAGE}))

    def test_recipients(self) -> int:
        """Tell everybody something; the number of the event that they are told. Conflict where there is nobody."""
        return int(self._send("POST", "/recipients/test", {}).get("event") or 0)
