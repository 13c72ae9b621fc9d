"""`homie-ota demo`, which is what `make demo` runs: everything on this machine, a full update, and an end."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from e2e.serving import API, PLAIN, command, environment
from servers import unused_port, wait_until


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = unused_port()
    process = subprocess.Popen(
        command("demo", "--devices", "4", "--port", str(port)),
        cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def test_the_demo_shows_a_whole_update_and_ctrl_c_ends_all_of_it(
    demo: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = demo
    assert process.stdout is not None
    assert process.stdout.readline() == f"homie-ota demo: {url}/\n"
    with httpx.Client(base_url=url, **PLAIN) as client:

        def ready() -> list[str]:
            found = client.get(f"{API}/devices", params={"q": "state:ready homie:3.0.1"}).json()
            return [each["id"] for each in found["items"]]

        wait_until(lambda: len(ready()) >= 1, "a device is ready")
        device = client.get(f"{API}/devices/{ready()[0]}").json()
        newer = client.get(f"{API}/firmware").json()["items"]
        wanted = next(
            each for each in newer if (each["name"], each["version"]) == (device["firmware"]["name"], "2.0.0")
        )
        made = client.post(
            f"{API}/deployments", json={"device": device["id"], "firmware": wanted["sha256"]}
        ).json()

        def ended() -> bool:
            return client.get(f"{API}/deployments/{made['id']}").json()["state"] in ("succeeded", "failed")

        wait_until(ended, "the update ends", 60)
        told = client.get(f"{API}/deployments/{made['id']}").json()
        assert told["state"] in ("succeeded", "failed"), told
        # One device of the demo loses its first image on purpose, and says so.
        assert told["state"] == "succeeded" or "lost its connection" in told["reason"]
        assert client.get("/").status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    time.sleep(0.2)
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, **PLAIN)
