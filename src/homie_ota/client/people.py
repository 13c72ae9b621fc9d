"""The API of a running server about accounts, tokens and the audit log."""

from __future__ import annotations

from homie_ota.client.calls import Calls, Json, segment

PAGE = 1000


class PeopleCalls(Calls):
    """What an administrator can ask about people; failures are as for every other request."""

    def people(self) -> list[Json]:
        """Every account, by name."""
        return list(self._all("/people", {"limit": PAGE}))

    def add(self, name: str, role: str) -> Json:
        """Make an account; it has its password in `password`. Conflict, WrongUse."""
        return self._send("POST", "/people", {"name": name, "role": role})

    def change(self, name: str, **changes: object) -> Json:
        """Change `role` or `disabled`; NotFound, Conflict."""
        return self._send("PATCH", f"/people/{segment(name)}", changes)

    def reset(self, name: str) -> Json:
        """Give an account a new password, which is in `password`; NotFound."""
        return self._send("POST", f"/people/{segment(name)}/reset", {})

    def log_out(self, name: str) -> Json:
        """End every session of an account; NotFound."""
        return self._send("POST", f"/people/{segment(name)}/logout", {})

    def remove(self, name: str) -> Json:
        """Delete an account; NotFound, Conflict."""
        return self._object("DELETE", f"/people/{segment(name)}")

    def tokens(self) -> list[Json]:
        """One's own tokens, or as administrator those of all."""
        return list(self._all("/tokens", {"limit": PAGE}))

    def make_token(self, wanted: Json) -> Json:
        """Make a token (`label`, `rights`, `expires_at`, `owner`); its secret is in `token`."""
        return self._send("POST", "/tokens", wanted)

    def revoke_token(self, id: str) -> Json:  # noqa: A002 - the API's word
        """Revoke a token; NotFound."""
        return self._object("DELETE", f"/tokens/{segment(id)}")

    def audit(self) -> tuple[Json, list[Json]]:
        """What the server says of the end of its audit log, and all rows up to there, oldest first."""
        end = self._object("GET", "/audit/verify")
        rows = list(self._all("/audit", {"limit": PAGE}))[::-1]
        return end, rows[: int(end.get("rows") or 0)] if len(rows) > int(end.get("rows") or 0) else rows
