"""MQTT: an address, one connection, a session that keeps one up, and a look at what a broker keeps.

Rule: the only room that knows the MQTT library.
"""

from __future__ import annotations

from homie_ota.mqtt.address import Broker
from homie_ota.mqtt.connection import Connection, NotSent
from homie_ota.mqtt.scan import Kept, scan
from homie_ota.mqtt.session import Session
from homie_ota.mqtt.stream import OnMessage

__all__ = ["Broker", "Connection", "Kept", "NotSent", "OnMessage", "Session", "scan"]
