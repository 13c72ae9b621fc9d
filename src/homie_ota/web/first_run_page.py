"""The first run: which steps are done, and the page with the lines for a device.

Rule: the texts are in `first_run`; here its facts are gathered. Pages that would be empty show the next step, too:
`first.html`, with what `first` gives them as `first`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.bus import Notice
from homie_ota.store import beginnings
from homie_ota.store.database import Connection
from homie_ota.web import first_run
from homie_ota.web.first_run import Facts, Lines, Step
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.shell import Shell


class First(NamedTuple):
    """What `first.html` shows: all steps, and the one to do now (None: an update went through)."""

    facts: Facts
    steps: list[Step]
    next: Step | None

    def lines(self, may_flash: bool) -> list[Lines]:
        """For `config.json` and sketch; the password of our own broker only for those who may flash."""
        return first_run.lines(self.facts, may_flash=may_flash)

    @property
    def other_broker(self) -> str:
        """Lines of homie-ota.toml."""
        return first_run.other_broker(self.facts)


def first(conn: Connection, shell: Shell) -> First:
    """The steps as they stand; for any page, inside its transaction."""
    facts = facts_of(conn, shell)
    return First(facts, first_run.steps(facts), first_run.next_step(facts))


def until_there_is_something(conn: Connection, shell: Shell) -> First | None:
    """The same as long as there is no device or no image; None from then on."""
    found = first(conn, shell)
    return None if found.facts.devices and found.facts.firmware else found


def facts_of(conn: Connection, shell: Shell) -> Facts:
    """What the texts are made of."""
    broker, settings = shell.broker_status(), shell.settings
    door = broker.door
    there = beginnings.find(conn)
    return Facts(
        devices=there.devices,
        firmware=there.firmware,
        updated=there.updates,
        connected=broker.connected,
        host=door.host,
        port=door.port,
        tls=door.tls,
        own=door.own,
        username=door.username,
        password=door.password,
        bases=tuple(settings.mqtt.base_topics),
        server=door.server or f"{settings.http.public_url}{settings.ota.path}",
    )


def _read(conn: Connection, asked: Asked) -> dict[str, Any]:
    return {"first": first(conn, asked.shell)}


def _concerns(notice: Notice, values: dict[str, Any]) -> bool:
    """What comes changes it; the thousandth device does not."""
    facts: Facts = values["first"].facts
    done = {"device": facts.devices, "firmware": facts.firmware, "deployment": facts.updated}
    return not done.get(notice.kind, True)


STEPS = LivePage("first-steps", "first_run.html", _read, ("steps",), _concerns)


async def show(request: Request) -> Response:
    """`GET /first-steps`: always reachable, not only while there is nothing."""
    return await live_page(request, STEPS)
