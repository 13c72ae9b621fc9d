"""MQTT: an address, one connection, and a session that keeps one up; the only room that knows the MQTT library."""

from __future__ import annotations

from homie_ota.mqtt.address import Broker
from homie_ota.mqtt.connection import Connection, NotSent, OnMessage
from homie_ota.mqtt.session import Session

__all__ = ["Broker", "Connection", "NotSent", "OnMessage", "Session"]
