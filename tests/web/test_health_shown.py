"""How a device was before and after its update, on the page and in the API."""

from __future__ import annotations

import time
from typing import Any

from homie_ota.model import Deployment
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments
from homie_ota.store.database import Connection
from web.world import BROWSER, World

AFTER = {
    "fw_name": "lamp", "fw_version": "2.0.0", "md5": "b" * 32, "heap": 17_100.0, "signal": 78.0, "rounds": 4,
    "nodes": ["light<script>"], "restarts": 1, "verdict": "worse",
    "siblings": {"heap": 30_500.0, "signal": 80.0, "total": 1, "gone": 0, "silent": 0, "restarted": 0},
    "findings": [{"code": "worse-heap", "verdict": "worse", "text": "free heap −43 %, untouched −1 % (2 devices)"}],
}  # fmt: skip


def judged(world: World, after: dict[str, Any] = AFTER) -> Deployment:
    """A deployment that was found harmful in its soak."""
    recent = [[time.time() - 60.0 * n, 600.0 - 60 * n, 30_000.0, 80.0] for n in (2, 1, 0)]
    for name in ("attic-lamp", "cellar-lamp"):
        world.device(name, recent=recent)
    made = world.order(world.device("hall-lamp", recent=recent), world.firmware())

    def write(conn: Connection) -> Deployment | None:
        confirmed = deployments.advance(conn, made, Event.CONFIRM, now=time.time())
        assert confirmed is not None
        reason = reasons.worse("worse-heap", "free heap −43 %, untouched −1 % (2 devices)")
        return deployments.advance(conn, confirmed, Event.HARM, now=time.time(), reason=reason, after=after)

    found = world.write(write)
    assert found is not None
    return found


def test_the_page_shows_before_and_after_beside_the_untouched(world: World) -> None:
    page = world.client(headers=BROWSER).get(f"/deployment/{judged(world).id}").text
    assert "Before and after: worse" in page
    for cell in ("29 KB", "17 KB", "30 KB", "80 %", "78 %", "2 devices", "1 device"):
        assert f'<td class="number">{cell}</td>' in page, cell
    assert "1 devices" not in page
    assert "<small>harmful, worse-heap</small>" in page
    assert "free heap −43 %, untouched −1 % (2 devices): <b>worse</b>." in page
    assert "light<script>" not in page


def test_what_did_harm_in_another_way_is_not_called_the_same(world: World) -> None:
    page = (
        world.client(headers=BROWSER).get(f"/deployment/{judged(world, AFTER | {'verdict': 'same'}).id}").text
    )
    assert "Before and after: harmful" in page
    page = world.client(headers=BROWSER).get("/device/homie~hall-lamp").text
    assert "<b>harmful</b></small></h2>" in page


def test_the_api_tells_outcome_code_and_both_snapshots_without_the_rows_of_the_siblings(world: World) -> None:
    told = world.client(headers=BROWSER).get(f"/api/v1/deployments/{judged(world).id}").json()
    assert (told["outcome"], told["code"], told["purpose"]) == ("harmful", "worse-heap", "update")
    assert (told["rollout"], told["wave"]) == (None, None)
    assert told["before"]["heap"] == 30_000.0
    assert told["before"]["siblings"] == {"heap": 30_000.0, "signal": 80.0, "total": 2}
    assert told["after"]["siblings"]["heap"] == 30_500.0
    listed = world.client(headers=BROWSER).get("/api/v1/deployments").json()["items"][0]
    assert (listed["outcome"], listed["before"], listed["after"]) == ("harmful", None, None)


def test_a_deployment_that_waits_shows_no_empty_table(world: World) -> None:
    made = world.order(world.device("hall-lamp"), world.firmware(), offered=False)
    assert "Before and after" not in world.client(headers=BROWSER).get(f"/deployment/{made.id}").text
