"""Installations for the tests of the web."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from web.world import World


@pytest.fixture
def make_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    """Make installations: `make_world(admin=True, ota={"open_mode": True})`; without login unless said otherwise."""
    monkeypatch.setattr("homie_ota.web.login.DELAY", 0.0)
    made: list[World] = []

    def make(*, admin: bool = False, **settings: Any) -> World:
        if admin:
            settings.setdefault("auth", {"mode": "password"})
        made.append(World(tmp_path / str(len(made)), settings, admin=admin))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """An installation without login."""
    return make_world()
