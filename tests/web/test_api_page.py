"""docs/reference/api.md: what the code knows is in it as it is, and every command in it does what the page says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import apipage
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts
from homie_ota.store.accounts import ROLES
from homie_ota.web.failures import _TITLES
from web.world import Server, World


def page() -> str:
    return apipage.PAGE.read_text("utf-8")


def test_the_page_has_every_route_and_every_error_as_they_are() -> None:
    assert page() == apipage.renewed(page()), "run `make docs`"


def test_every_status_of_an_error_has_a_title() -> None:
    found = {int(row.split("|")[2]) for row in apipage.errors().splitlines()[2:]}
    assert found - {500} <= set(_TITLES)
    assert len(found) > 10


def commands() -> list[str]:
    """The blocks of commands, in their order."""
    return re.findall(r"^```sh\n(.*?)^```", page(), re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_every_command_of_the_page_does_what_it_is_there_for(
    make_world: Callable[..., World], tmp_path: Path
) -> None:
    world = make_world(admin=True)
    for name in ("hall-lamp", "attic"):
        world.device(name, state="sleeping")
    make = partial(
        accounts.make_token, name="admin", label="x", rights=ROLES["admin"], now=time.time(), seconds=None
    )
    (tmp_path / "lamp.bin").write_bytes(make_image("lamp", "2.0.0", "brand"))
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\nmax-time = 30\n")
    said = []
    async with Server(world) as server:
        known = {
            "SERVER": server.url,
            "TOKEN": world.write(make),
            "CURL_HOME": str(tmp_path),
            "PATH": os.environ["PATH"],
        }
        for block in commands():
            bash = await asyncio.create_subprocess_exec(
                "bash", "-euo", "pipefail", "-c", block, cwd=tmp_path, env=known,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            told, _ = await bash.communicate()
            said.append(told.decode())
            assert bash.returncode == 0, f"{block}\n{said[-1]}"
    first, paged, found, stored, ordered, asked, rollout, events = said
    assert '"total":2' in first
    assert '"items":[{"id":' in paged
    assert '"total":2' in found
    assert json.loads(stored)["version"] == "2.0.0"
    assert json.loads(ordered)["state"] == "queued"
    assert '"state":"cancelled"' in asked
    assert '"plan":' in rollout
    assert events.count("\ndata: ") > 2


def test_the_error_on_the_page_is_the_one_that_is_given(world: World) -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```", page(), re.MULTILINE | re.DOTALL)
    assert json.loads(shown) == world.client().get("/api/v1/devices/hall-lmp").json()


async def test_the_lines_of_python_on_the_page_do_what_they_look_like(
    make_world: Callable[..., World], capsys: pytest.CaptureFixture[str]
) -> None:
    (lines,) = re.findall(r"^```python\n(.*?)^```", page(), re.MULTILINE | re.DOTALL)
    world = make_world(admin=True)
    world.device("hall-lamp")
    make = partial(
        accounts.make_token, name="admin", label="x", rights=ROLES["admin"], now=time.time(), seconds=None
    )
    token = world.write(make)
    async with Server(world) as server:
        typed = lines.replace("http://ota.example.org:9080", server.url).replace("TOKEN", token)
        await asyncio.to_thread(exec, typed, {})
    said = capsys.readouterr().out
    assert "Hall-Lamp Runs lamp 1.0.0" in said
    assert "not-found There is no firmware lamp@9.9.9" in said
