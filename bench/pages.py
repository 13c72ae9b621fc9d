"""(j) The server's time for each page, with 10,000 devices, 20 images, 5 rollouts and 20,000 deployments.

Rule: the time from the request to the last byte on a connection that stays open, one request after another; beside it
the same for a page of the same server that shows nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Target, median
from bench.pages_fleet import Sizes
from bench.processes import python, two_cores, unused_port
from bench.scale import Scale

PAGES: tuple[tuple[str, str], ...] = (
    ("/", "inventory"),
    ("/?q=state:ready+signal:>50&sort=-signal", "inventory, filtered and sorted"),
    ("/?q=needs:you", "inventory, who needs a person"),
    ("/?q=is:on-target", "inventory, who is on target"),
    ("/?q=is:behind", "inventory, who is behind"),
    ("/act?device=homie~plug-00001&firmware=plug@5.1.0", "what is done to one"),
    ("/act?all=1&q=id:plug-000*&firmware=plug@5.1.0", "what is done to a hundred"),
    ("/device/homie~plug-00001", "device"),
    ("/firmware", "firmware"),
    ("/firmware/blind-5.3.0.bin", "one image"),
    ("/firmware/blind-5.3.0.bin/fleet", "whom an image fits, loaded after its page"),
    ("/firmware/prune?keep=2", "what may go"),
    ("/update?device=homie~plug-00001&firmware=plug@5.1.0", "before an update"),
    ("/rollouts", "rollouts"),
    ("/rollouts/5", "a rollout that runs"),
    ("/rollouts/1", "a rollout that ended"),
    ("/rollouts/1/story", "the story of a rollout"),
    ("/rollouts/new", "making a rollout"),
    ("/rollouts/new?query=id:plug-000*&firmware=plug@5.1.0", "the preview of a rollout for a hundred"),
    ("/rollouts/new?query=fw:plug&firmware=plug@5.1.0", "the preview of a rollout for all of a firmware"),
    ("/deployments", "deployments"),
    ("/deployments?state=failed", "deployments that failed"),
    ("/removed", "deleted devices"),
    ("/knocking", "who knocks"),
    ("/deployment/100", "a deployment that ended"),
    ("/log", "log"),
    ("/log/audit", "who did what"),
    ("/health", "health"),
    ("/first-steps", "first steps"),
    ("/login", "login"),
)
"""Every page: its address in the fleet of `pages_fleet`, and its name. Whoever adds a page adds a line."""

WARM = 3
MOST_MS = 30.0


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (j)."""
    one, _ = two_cores()
    port = unused_port()
    sizes = Sizes(scale.page_devices, 20, 5, 2 * scale.page_devices)
    about = {"data": str(folder), "sizes": sizes, "port": port}
    with python("bench.pages_server", about, folder / "log", cores=one) as server:
        server.hear()
        empty, _, _ = _time(port, "/empty", scale.page_requests)
        failed = []
        for path, name in PAGES:
            ours, size, status = _time(port, path, scale.page_requests)
            if status != 200:
                failed.append(f"{path} answered {status}")
                continue
            yield Figure(
                "j", f"page: {name} ({scale.page_devices:,} devices), median", ours, "ms", empty,
                "an empty page", (Target("≤", MOST_MS),), f"{size / 1024:.0f} KB on the wire",
            )  # fmt: skip
    if failed:
        raise RuntimeError("; ".join(failed))


def _time(port: int, path: str, requests: int) -> tuple[float, int, int]:
    """Milliseconds, the median; bytes; and the status, with which it ends where it is no page."""
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip", "Cookie": "homie_ota_visit=bench"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times, size = [], 0
    with contextlib.closing(connection):
        for _ in range(WARM + requests):
            began = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            size = len(answer.read())
            times.append(1000 * (time.perf_counter() - began))
            if answer.status != 200:
                return 0.0, 0, answer.status
    return median(times[WARM:]), size, 200
