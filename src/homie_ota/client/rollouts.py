"""The API of a running server about rollouts, pins and tags."""

from __future__ import annotations

import time
from collections.abc import Iterator

from homie_ota.client import watching
from homie_ota.client.calls import Calls, Json, query, segment
from homie_ota.errors import Unreachable

PAGE = 200


class RolloutCalls(Calls):
    """What can be asked about rollouts; failures are as for every other request."""

    def preview_rollout(self, order: Json) -> Json:
        """What a rollout would do; NotFound, WrongUse."""
        return self._send("POST", "/rollouts/preview", order)

    def create_rollout(self, order: Json) -> Json:
        """Make a rollout, and start it where the order says `start`; NotFound, NotEligible, WrongUse."""
        return self._send("POST", "/rollouts", order)

    def rollouts(self, state: str = "") -> list[Json]:
        """All rollouts, the newest first, or those in one state."""
        return list(self._all("/rollouts", {"state": state, "limit": PAGE}))

    def rollout(self, number: int) -> Json:
        """One rollout with its waves and what happened; NotFound."""
        return self._object("GET", f"/rollouts/{number}")

    def members(self, number: int, outcome: str = "") -> Iterator[Json]:
        """The members of a rollout, page after page."""
        asked: dict[str, str | int] = {"limit": PAGE, "outcome": outcome}
        while True:
            page = self._object("GET", f"/rollouts/{number}{query(asked)}")["members"]
            yield from page["items"]
            if not page["next"]:
                return
            asked["cursor"] = page["next"]

    def steer_rollout(self, number: int, how: str, reason: str = "") -> Json:
        """Start, pause, resume, drain, abort or revert a rollout; Conflict with what can be done instead."""
        return self._send("POST", f"/rollouts/{number}/{how}", {"reason": reason})

    def follow_rollout(
        self, number: int, *, every: float = 0.5, patience: float = 60.0, beat: float = 0.0
    ) -> Iterator[Json]:
        """A rollout now and whenever something happened, until nothing that one would wait for is to come.

        Also each `beat` seconds (0: never), for the soak goes on when nothing happens.

        A server that is away for less than `patience` seconds, because it restarts, is waited for.
        """
        seen: object = None
        until = time.monotonic() + patience
        while True:
            try:
                now = self.rollout(number)
            except Unreachable:
                if time.monotonic() >= until:
                    raise
                time.sleep(every)
                continue
            until = time.monotonic() + patience
            beats = int(time.monotonic() // beat) if beat else 0
            news = (now["state"], now["counts"], [each["seq"] for each in now["events"][:1]], beats)
            if news != seen:
                seen = news
                yield now
            if watching.is_settled(now):
                return
            time.sleep(every)

    # --- Pins and tags ---

    def pin(self, device: str, until: str, reason: str) -> Json:
        """Hold a device back until a moment (ISO 8601 with a zone); NotFound, Conflict, WrongUse."""
        return self._send("PUT", f"/devices/{segment(device)}/pin", {"until": until, "reason": reason})

    def unpin(self, device: str) -> Json:
        """Let go of a device; NotFound when nothing holds it."""
        return self._object("DELETE", f"/devices/{segment(device)}/pin")

    def tag(self, device: str, word: str) -> Json:
        """Give a device a tag; WrongUse for what is none."""
        return self._object("PUT", f"/devices/{segment(device)}/tags/{segment(word)}")

    def untag(self, device: str, word: str) -> Json:
        """Take a tag away; NotFound."""
        return self._object("DELETE", f"/devices/{segment(device)}/tags/{segment(word)}")
