"""Webhooks: each event of the log, as JSON, signed, to each address that the settings name.

Rule: the body is what `GET /api/v1/events` tells of the event; one message is one event, in the order of the log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from homie_ota.announce import Part
from homie_ota.announce.around import Around
from homie_ota.announce.courier import TEST, Courier, Letter, Row
from homie_ota.announce.posting import post
from homie_ota.announce.signing import headers
from homie_ota.config.announcing import Webhook
from homie_ota.store import tail, telling
from homie_ota.store.database import Connection
from homie_ota.store.recipients import Recipient

A_PART = 100
"""Events read at a time."""


class Content(NamedTuple):
    """The body of a message, and the number of its event; None where it is about none."""

    body: bytes
    number: int | None


class Hook:
    """One webhook of the settings."""

    def __init__(self, of: Webhook) -> None:
        self._of = of
        self.name, self.label = of.named.name, of.named.label
        self.wanted = tail.Wanted(kinds=frozenset({*of.events, TEST}) if of.events else frozenset())

    async def check(self) -> str:
        """The settings have looked at it."""
        return ""

    def read(self, conn: Connection, after: int, settled: int) -> tail.Part:
        """As everybody is told them."""
        part = tail.part(conn, self.wanted, after=after, settled=settled, limit=A_PART)
        return part._replace(rows=telling.complete(conn, part.rows))

    def letter(self, rows: Sequence[Row], now: float) -> Letter | None:  # noqa: ARG002 - at any time
        """The first of the events."""
        if not rows:
            return None
        number = rows[0]["seq"]
        return Letter(Content(_body(telling.as_json(rows[0])), number), number)

    def loss(self, known: Recipient, now: float) -> Letter:  # noqa: ARG002 - whenever it is
        """As the stream of the API says it."""
        text = f"{known.lost} events since {known.lost_after} were not told. Load what you need again."
        told = {"kind": "gap", "since": known.lost_after, "missing": known.lost, "text": text}
        return Letter(Content(_body(told), None), known.reached)

    async def send(self, content: Content) -> str:
        """Signed as of now, each time it is tried."""
        secret = self._of.secret.get_secret_value()
        signed = headers(secret, content.body, time.time(), content.number)
        return await post(self._of.url.get_secret_value(), signed, content.body)


def _body(told: dict[str, Any]) -> bytes:
    return json.dumps(told, ensure_ascii=True, separators=(",", ":")).encode()


def parts(around: Around) -> dict[str, Part]:
    """A part for each webhook of the settings."""
    hooks = [Hook(each) for each in around.settings.announce.webhooks]
    return {hook.name: Courier(around, hook).run for hook in hooks}
