"""Starts homie-ota inside its add-on: the options of the add-on and what the Supervisor says, as settings.

Rule: standard library only, and nothing of it is homie-ota's: the server is started as anybody would start it, with its
settings in the environment. What cannot be found out is said in the log, and left to the server's own defaults.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

OPTIONS = Path("/data/options.json")
SUPERVISOR = "http://supervisor"
PAGES, DEVICES = 8099, 9081
"""The ports inside the add-on, as config.yaml has them."""
PROXIES = "172.30.32.1,172.30.32.2"
"""Home Assistant and its ingress, on the network of add-ons: only their headers are believed."""

Ask = Callable[[str], Mapping[str, Any]]
"""A path of the Supervisor's API → the data of its answer, empty where there is none."""


def settings(options: Mapping[str, Any], ask: Ask) -> dict[str, str]:
    """The environment of the server."""
    told = {
        "http__host": "0.0.0.0",
        "http__port": PAGES,
        "http__device_port": DEVICES,
        "http__trusted_proxies": PROXIES,
        # By which name people know Home Assistant is not ours to say; nobody comes to this port but through it.
        "http__allowed_hosts": "*",
        "http__public_url": options.get("device_url") or device_url(ask),
        "http__mdns": False,
        "storage__data_dir": "/data",
        "mqtt__base_topics": ",".join(options.get("base_topics", ())),
        "announce__home_assistant": bool(options.get("home_assistant", True)),
        "announce__diagnostics": bool(options.get("diagnostics")),
        "announce__read_only": bool(options.get("read_only")),
        # Nobody can follow a link to a page that is reached through ingress.
        "announce__links": False,
        "log__level": options.get("log_level", "info"),
        **broker(options, ask),
    }
    return {
        f"HOMIE_OTA_{key.upper()}": _text(value) for key, value in told.items() if value not in ("", None)
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def broker(options: Mapping[str, Any], ask: Ask) -> dict[str, Any]:
    """The broker of the options, else that of Home Assistant; without one the server says what it does."""
    if options.get("mqtt_url"):
        given = {"url": options["mqtt_url"], "username": options.get("mqtt_username")}
        return {
            f"mqtt__{key}": value
            for key, value in {**given, "password": options.get("mqtt_password")}.items()
        }
    found = ask("/services/mqtt")
    if not found.get("host"):
        print("Home Assistant has no MQTT broker: install the Mosquitto add-on, or set mqtt_url.", flush=True)
        return {}
    scheme = "mqtts" if found.get("ssl") else "mqtt"
    return {
        "mqtt__url": f"{scheme}://{found['host']}:{found.get('port', 1883)}",
        "mqtt__username": found.get("username"),
        "mqtt__password": found.get("password"),
    }


def device_url(ask: Ask) -> str:
    """What devices are told: the address of this machine and the port that people gave them; empty: not known."""
    port = (ask("/addons/self/info").get("network") or {}).get(f"{DEVICES}/tcp")
    interfaces = ask("/network/info").get("interfaces", ())
    # Primary first; of each its first address, without the length of its network.
    ranked = sorted(interfaces, key=lambda each: not each.get("primary"))
    addresses = [address for each in ranked for address in (each.get("ipv4") or {}).get("address", ())]
    if port and addresses:
        return f"http://{addresses[0].partition('/')[0]}:{port}"
    print("Devices that fetch their firmware themselves need an address: set device_url.", flush=True)
    return ""


def supervisor(token: str) -> Ask:
    """Asks the Supervisor, as the token allows."""

    def ask(path: str) -> Mapping[str, Any]:
        request = urllib.request.Request(SUPERVISOR + path, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                data = json.load(answer).get("data")
        except (OSError, ValueError) as error:
            print(f"The Supervisor does not answer {path}: {error}.", flush=True)
            return {}
        return data if isinstance(data, dict) else {}

    return ask


def main() -> None:
    """Become the server."""
    options = json.loads(OPTIONS.read_text("utf-8")) if OPTIONS.is_file() else {}
    made = settings(options, supervisor(os.environ.get("SUPERVISOR_TOKEN", "")))
    # The server has no use for the key to the Supervisor.
    kept = {
        key: value for key, value in os.environ.items() if key not in ("SUPERVISOR_TOKEN", "HASSIO_TOKEN")
    }
    command = [sys.executable, "-m", "homie_ota", "serve"]
    os.execve(sys.executable, command, {**kept, **made})


if __name__ == "__main__":
    main()
