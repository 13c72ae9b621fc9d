"""Where the server listens, which broker it uses, and what devices are told: decided once, at start.

Rule: what cannot be had is said in one sentence with what to do about it.
"""

from __future__ import annotations

import logging
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from homie_ota.broker import EmbeddedBroker, answers
from homie_ota.config import Settings
from homie_ota.errors import WrongUse
from homie_ota.mqtt import Broker

log = logging.getLogger(__name__)

DEFAULT_BROKER = ("127.0.0.1", 1883)
DEFAULT_EMBEDDED = "0.0.0.0:1883"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises WrongUse with a sentence when the port is taken or not ours to use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(2048)
    except OSError as error:
        sock.close()
        raise WrongUse(
            f"Cannot listen on {host}:{port}: {error.strerror}. Another program, perhaps another homie-ota, uses that "
            "port; stop it or choose another one with --port."
        ) from None
    return sock


async def choose_broker(settings: Settings, embedded: str | None) -> tuple[Broker, EmbeddedBroker | None]:
    """The broker of the settings; else one that answers on this machine; else our own, which is started."""
    mqtt = settings.mqtt
    if mqtt.url and not embedded:
        given = Broker(
            mqtt.host,
            mqtt.port,
            mqtt.username,
            mqtt.password.get_secret_value(),
            mqtt.tls,
            mqtt.ca_file,
            mqtt.certificate_file,
            mqtt.key_file,
        )
        given.context()  # a file that is not there is said now, not at each attempt to connect
        return given, None
    if not embedded and await answers(*DEFAULT_BROKER):
        log.info("No broker is configured; using the one that answers on %s:%d.", *DEFAULT_BROKER)
        return Broker(*DEFAULT_BROKER), None
    own = embedded_broker(embedded or DEFAULT_EMBEDDED, settings.data_dir)
    await own.start()
    log.info("Started our own broker on %s:%d.", own.host, own.port)
    return Broker.from_url(own.url), own


def embedded_broker(where: str, data_dir: Path) -> EmbeddedBroker:
    """Our own broker at `HOST:PORT`; open on loopback, else with a user and a password that are kept in `data_dir`.

    Who may publish may flash: raises WrongUse when `where` is no address.
    """
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal():
        raise WrongUse(f"--embedded-broker takes HOST:PORT, like 0.0.0.0:1883; got {where!r}.")
    host = host.strip("[]")
    if host in ("127.0.0.1", "::1", "localhost"):
        return EmbeddedBroker(host, int(port))
    return EmbeddedBroker(host, int(port), "homie", _kept_password(data_dir / "embedded-broker.password"))


def _kept_password(path: Path) -> str:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
    return path.read_text().strip()


def own_address(host: str) -> str:
    """The address of this machine that devices reach, when it listens on all of them."""
    if host not in ("0.0.0.0", "::", ""):
        return host
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # a documentation address: nothing is sent by a UDP connect
        return str(probe.getsockname()[0])
    return "127.0.0.1"
