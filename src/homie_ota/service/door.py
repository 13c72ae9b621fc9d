"""How devices come here, for the pages: which broker, with which words, and where they ask for firmware.

Rule: of the embedded broker everything is told, for it is ours; of another one no password.
"""

from __future__ import annotations

from homie_ota.broker import EmbeddedBroker
from homie_ota.mqtt import Session
from homie_ota.service.places import own_address
from homie_ota.web.shell import Door


def of(own: EmbeddedBroker | None, session: Session | None, server: str) -> Door:
    """Our own broker with what they need to be let in, else the one that we listen on; `server` is the OTA endpoint."""
    if own is not None:
        host = own_address(own.host)
        return Door(host, own.port, False, True, own.username, own.password, server)
    if session is None:
        return Door(server=server)
    broker = session.broker
    host = own_address("") if broker.host in ("localhost", "127.0.0.1", "::1") else broker.host
    return Door(host, broker.port, broker.tls, False, broker.username, "", server)


def welcome(own: EmbeddedBroker | None, server: str) -> tuple[tuple[str, str], ...]:
    """What has to stand in a device's configuration, for the page of the first run."""
    said = [("firmware over HTTP (Homie 1.5)", server)]
    if own is not None:
        host = own_address(own.host)
        said = [("broker", host), ("port", str(own.port)), *said]
        if own.username:
            said[2:2] = [("user", own.username), ("password", own.password)]
    return tuple(said)
