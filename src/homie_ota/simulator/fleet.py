"""(for now) which class is which way."""

from __future__ import annotations

from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.generations import Generation
from homie_ota.simulator.mqtt_device import MqttDevice, TwoStepDevice
from homie_ota.simulator.pullers import HttpDevice, UrlDevice
from homie_ota.simulator.setup import Setup

_WAYS: dict[str, type[VirtualDevice]] = {
    "http": HttpDevice,
    "two-step": TwoStepDevice,
    "mqtt": MqttDevice,
    "url": UrlDevice,
}


def make_device(generation: Generation, setup: Setup) -> VirtualDevice:
    """A device of this generation."""
    return _WAYS[generation.way](generation, setup)
