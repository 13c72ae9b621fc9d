"""Home Assistant's own package takes every message of ours, where there is a Python that has it."""

from __future__ import annotations

import json
import os
import subprocess
from itertools import product
from pathlib import Path

import pytest

from homie_ota.announce.home_assistant import messages
from homie_ota.announce.home_assistant.messages import Terms
from homie_ota.model import Address, DeploymentState, Publish
from homie_ota.store.entities import Entity, Image, Moving

PYTHON = "HOMIE_OTA_HOME_ASSISTANT"
ASKS = Path(__file__).with_name("home_assistant_asked.py")
ODD = 'Küche "<b>" {{ 1 }} \\ \u202e\x00\n\'; # + /'

HOMES = [Address("homie/", "hall-lamp"), Address("homie/5/", ODD), Address("", "x")]
WORDS = ["", "lamp", ODD * 20]
MOVES = [None, *(Moving(state, 37, 100, "f" * 64) for state in DeploymentState)]
IMAGES = [None, Image("f" * 64, "lamp", "2.0.0", f"{ODD}.bin", ODD * 50)]
ENTITIES = [
    Entity(1, home, word, mac, word, word, word, 64.4, 1e9, moving=moving)
    for home, word, mac, moving in product(HOMES, WORDS, ("", "A0:20:A6:00:00:07"), MOVES)
]
TERMS = [
    Terms("homeassistant", pages, "0.1.0", diagnostics, read_only)
    for pages, diagnostics, read_only in product(
        ("http://10.0.0.4:9080/ota", ""), (True, False), (True, False)
    )
]


@pytest.fixture
def home_assistant() -> str:
    """A Python in which `homeassistant` and `paho-mqtt` are installed."""
    found = os.environ.get(PYTHON, "")
    if not found:
        pytest.skip(
            f"Home Assistant is not here: name a Python that has homeassistant and paho-mqtt in {PYTHON}"
        )
    return found


def dropped(python: str, told: list[tuple[str, Publish]]) -> list[str]:
    """What Home Assistant would drop of these messages."""
    lines = (json.dumps([kind, each.topic, each.payload.decode()]) for kind, each in told)
    done = subprocess.run(
        [python, ASKS], input="\n".join(lines), capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_home_assistant_takes_every_message(home_assistant: str) -> None:
    states = [messages.state(*each) for each in product(ENTITIES, IMAGES, TERMS)]
    configs = [messages.discovery(*each) for each in product(ENTITIES[:: len(MOVES)], TERMS, (True, False))]
    told = {("state", each) for each in states} | {("discovery", each) for each in configs}
    assert len(told) > 100
    assert dropped(home_assistant, sorted(told)) == []


def test_home_assistant_is_asked_in_earnest(home_assistant: str) -> None:
    good = messages.state(ENTITIES[0], None, TERMS[0])
    wrong = {**json.loads(good.payload), "update_percentage": 101}
    config = messages.discovery(ENTITIES[0], TERMS[0])
    nameless = {**json.loads(config.payload), "dev": {"name": "x"}}
    told = [
        ("state", good._replace(payload=json.dumps(wrong).encode())),
        ("state", good._replace(payload=b'{"version": "1"}')),
        ("state", good._replace(payload=b'{"title": null}')),
        ("discovery", config._replace(payload=json.dumps(nameless).encode())),
        ("discovery", config._replace(topic="homeassistant/device/a b/config")),
    ]
    assert len(dropped(home_assistant, told)) == len(told)
