"""Who is examined, from the settings: where its pages and its broker are, and what devices are told.

Rule: the same answers as the server's own start would have, found without starting anything.
"""

from __future__ import annotations

from pathlib import Path

from homie_ota.config import Settings
from homie_ota.doctor.machine import in_container
from homie_ota.doctor.nouns import Patient
from homie_ota.mqtt import Broker

LOCAL = ("127.0.0.1", 1883)
"""Where a broker is looked for when none is configured."""
EMBEDDED_USER, EMBEDDED_PASSWORD = "homie", "embedded-broker.password"


def patient_of(settings: Settings, own_address: str, settings_file: Path | None = None) -> Patient:
    """The installation of these settings; `own_address` is this machine's on the network."""
    http = settings.http
    host = own_address if http.host in ("0.0.0.0", "::", "") else http.host
    return Patient(
        settings=settings,
        told=f"{http.public_url or _found_out(settings, host)}{settings.ota.path}",
        listens=(host, http.port),
        brokers=brokers(settings),
        settings_file=settings_file,
        contained=in_container(),
    )


def _found_out(settings: Settings, host: str) -> str:
    """What devices are told where no `public_url` is set."""
    http, shown = settings.http, f"[{host}]" if ":" in host else host
    if http.device_port:
        return f"http://{shown}:{http.device_port}"
    return f"{'https' if http.tls else 'http'}://{shown}:{http.port}"


def brokers(settings: Settings) -> tuple[Broker, ...]:
    """The broker of the settings; without one, the one of this machine, as a stranger and as our own embedded one."""
    mqtt = settings.mqtt
    if mqtt.url:
        password = mqtt.password.get_secret_value()
        files = (mqtt.ca_file, mqtt.certificate_file, mqtt.key_file)
        return (Broker(mqtt.host, mqtt.port, mqtt.username, password, mqtt.tls, *files),)
    kept = settings.storage.data_dir / EMBEDDED_PASSWORD
    if not kept.is_file():
        return (Broker(*LOCAL),)
    return (Broker(*LOCAL, EMBEDDED_USER, kept.read_text("utf-8").strip()), Broker(*LOCAL))
