"""Rollouts over the API: previewed, made, looked at, steered; without an engine, so rows are moved by the tests."""

from __future__ import annotations

import time
from typing import Any

import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout import strategy
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import acting, audit, deployments, filling, marks, progress, rollouts
from homie_ota.store.database import Connection
from web.world import World

API = "/api/v1"
QUICK = {"verified": 1.0, "harmful": 0, "soak": 0, "minimum": 1}
PLAN = {"waves": [{"count": 1, "gate": QUICK}, {"gate": QUICK}]}
VERIFIED = Reason("verified", "Healthy.", False)


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def fleet(world: World, count: int = 5, **columns: Any) -> list[int]:
    return [world.device(f"lamp-{at}", signal=100.0 - at, **columns) for at in range(1, count + 1)]


def made(world: World, **order: Any) -> dict[str, Any]:
    body = {"query": "fw:lamp", "firmware": "lamp@2.0.0", "plan": PLAN, **order}
    answer = world.client().post(f"{API}/rollouts", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{API}/rollouts/{found['id']}"
    return found


def turn(world: World, number: int) -> None:
    """What the engine does, once."""

    def write(conn: Connection) -> None:
        for _ in range(10):
            of = rollouts.require(conn, number)
            acting.act(conn, of, strategy.decide(progress.view(conn, of), time.time()), now=time.time())
        filling.fill(conn, rollouts.require(conn, number), now=time.time())

    world.write(write)


def end(world: World, number: int, *path: Event, reason: Reason | None = None) -> None:
    """Move a deployment along; its reason belongs to the last move."""

    def write(conn: Connection) -> None:
        for at, event in enumerate(path):
            found = deployments.get(conn, number)
            assert found is not None
            why = reason if at == len(path) - 1 else None
            assert deployments.advance(conn, found, event, now=time.time(), reason=why) is not None

    world.write(write)


def test_a_preview_tells_who_goes_when_and_writes_nothing(world: World) -> None:
    old = world.firmware(version="1.0.0")
    world.firmware()
    fleet(world, 20, md5=old.md5)
    world.device("off", ota_enabled=False, md5=old.md5)
    world.device("strange", md5="0" * 32, fw_version="0.1", signal=1.0)
    told = world.client().post(
        f"{API}/rollouts/preview", json={"query": "fw:lamp", "firmware": "lamp@2.0.0"}
    ).json()  # fmt: skip
    assert [wave["size"] for wave in told["waves"]] == [1, 3, 17]
    assert told["waves"][0]["devices"] == [
        {"device": "homie~lamp-1", "runs": "lamp 1.0.0", "way_back": True, "over": None}
    ]
    assert [(each["device"], each["code"]) for each in told["left_out"]] == [("homie~off", "ota-disabled")]
    assert told["way_back"]["text"].startswith("way back: 20 of 21")
    assert told["way_back"]["asks"] is True
    assert [(each["version"], each["devices"]) for each in told["missing"]] == [("0.1", 1)]
    assert 0 < told["estimate"]["low"] < told["estimate"]["high"]
    assert told["simulation"] is None
    assert world.client().get(f"{API}/rollouts").json() == {"items": [], "total": 0, "next": None}
    assert world.read(audit.recent) == []


def test_a_simulation_plays_it_on_the_fleet_that_is_there(world: World) -> None:
    world.firmware()
    fleet(world, 4)
    world.device("gone", state="lost", signal=1.0)
    plan = {**PLAN, "absent_after": 3600}
    told = world.client().post(
        f"{API}/rollouts/preview",
        json={"query": "fw:lamp", "firmware": "lamp@2.0.0", "plan": plan, "simulate": True},
    ).json()["simulation"]  # fmt: skip
    assert told["counts"] == {"verified": 4, "absent": 1}
    assert [each["state"] for each in told["waves"]][:2] == ["passed", "passed"]
    story = [each["what"] for each in told["story"]]
    assert story[0] == "start wave 1"
    assert "start the lane of late joiners" in story


def test_a_rollout_is_made_as_a_draft_and_started_by_a_word(world: World) -> None:
    firmware = world.firmware()
    fleet(world)
    found = made(world, name="Tuesday")
    assert (found["state"], found["name"], found["can"]) == ("draft", "Tuesday", ["start", "abort"])
    assert found["firmware"] == firmware.sha256
    assert found["counts"] == {"waiting": 5}
    assert found["plan"]["waves"][0] == {"count": 1, "share": None, "gate": QUICK}
    started = world.client().post(f"{API}/rollouts/{found['id']}/start").json()
    assert started["rollout"]["state"] == "running"
    assert "1 of 5 devices" in started["detail"]
    again = world.client().post(f"{API}/rollouts/{found['id']}/start")
    assert problem(again) == (409, "conflict")
    assert "pause, drain, abort, revert" in again.json()["detail"]
    assert [each["what"] for each in world.read(audit.recent)] == ["started a rollout", "created a rollout"]


def test_its_waves_tell_what_their_gates_say_and_members_come_in_pages(world: World) -> None:
    world.firmware()
    fleet(world)
    number = made(world, start=True)["id"]
    turn(world, number)
    end(world, 1, Event.OFFER, Event.CONFIRM, Event.HEAL, reason=VERIFIED)
    turn(world, number)
    client = world.client()
    told = client.get(f"{API}/rollouts/{number}").json()
    first, second, lane = told["waves"]
    assert (first["state"], first["counts"], first["gate"]["passed"]) == ("passed", {"verified": 1}, True)
    assert (second["state"], second["gate"]["text"].split(",")[0]) == ("running", "verified 0/4 < 100 %")
    assert lane["lane"]
    assert lane["gate"] is None
    assert told["counts"] == {"verified": 1, "queued": 4}
    page = client.get(f"{API}/rollouts/{number}", params={"limit": 2, "wave": 1}).json()["members"]
    assert [each["device"] for each in page["items"]] == ["homie~lamp-2", "homie~lamp-3"]
    rest = client.get(
        f"{API}/rollouts/{number}", params={"limit": 2, "wave": 1, "cursor": page["next"]}
    ).json()["members"]  # fmt: skip
    assert [each["device"] for each in rest["items"]] == ["homie~lamp-4", "homie~lamp-5"]
    assert rest["next"] is None
    assert (
        client.get(f"{API}/rollouts/{number}", params={"outcome": "verified"}).json()["members"]["items"][0][
            "deployment"
        ]
        == 1
    )
    assert [each["text"].split(":")[0] for each in told["events"]][-2:] == ["started", "made"]


def test_abort_says_what_cannot_stop_and_what_will_not_start(world: World) -> None:
    world.firmware()
    fleet(world, 31)
    number = made(world, start=True, plan={"waves": [{"count": 4, "gate": QUICK}, {"gate": QUICK}]})["id"]
    turn(world, number)
    for deployment in (1, 2):
        end(world, deployment, Event.OFFER)
    done = world.client().post(f"{API}/rollouts/{number}/abort", json={"reason": "wrong board"}).json()
    assert done["detail"].endswith("2 transferring cannot stop; 29 will not start.")
    assert done["rollout"]["reason"].startswith("wrong board 2 transferring")
    states = {world.deployment(each).state for each in (3, 4)}
    assert states == {DeploymentState.CANCELLED}


def test_pause_and_resume(world: World) -> None:
    world.firmware()
    fleet(world)
    number = made(world, start=True)["id"]
    client = world.client()
    assert client.post(f"{API}/rollouts/{number}/pause").json()["rollout"]["can"] == [
        "resume",
        "drain",
        "abort",
        "revert",
    ]
    assert problem(client.post(f"{API}/rollouts/{number}/pause")) == (409, "conflict")
    assert client.post(f"{API}/rollouts/{number}/resume").json()["rollout"]["state"] == "running"


def test_a_revert_needs_something_to_take_back(world: World) -> None:
    old = world.firmware(version="1.0.0")
    world.firmware()
    fleet(world, 2, md5=old.md5)
    number = made(world, start=True)["id"]
    refused = world.client().post(f"{API}/rollouts/{number}/revert")
    assert problem(refused) == (409, "conflict")
    assert "nothing to take back" in refused.json()["detail"]
    turn(world, number)
    end(world, 1, Event.OFFER, Event.CONFIRM, Event.HEAL, reason=VERIFIED)
    done = world.client().post(f"{API}/rollouts/{number}/revert").json()
    assert done["rollout"]["state"] == "reverting"
    assert "1 device gets the image that it ran before." in done["detail"]


PROBLEMS = [
    ("POST", "/rollouts", {}, 400, "wrong-use"),
    ("POST", "/rollouts", {"query": "", "firmware": "lamp@2.0.0"}, 400, "wrong-use"),
    ("POST", "/rollouts", {"query": "colour:red", "firmware": "lamp@2.0.0"}, 400, "wrong-use"),
    ("POST", "/rollouts", {"query": "id:nobody", "firmware": "lamp@2.0.0"}, 404, "not-found"),
    ("POST", "/rollouts", {"query": "id:off", "firmware": "lamp@2.0.0"}, 409, "not-eligible"),
    ("POST", "/rollouts", {"query": "id:*", "firmware": "lamp@9"}, 404, "not-found"),
    ("POST", "/rollouts", {"query": "id:*", "firmware": "lamp@2.0.0", "colour": 1}, 400, "wrong-use"),
    ("POST", "/rollouts", {"query": "id:*", "firmware": "lamp@2.0.0", "follow": "2.*"}, 400, "wrong-use"),
    ("POST", "/rollouts", {"query": "id:*", "firmware": "lamp@2.0.0", "standing": True, "follow": ">"}, 400,
     "wrong-use"),
    ("POST", "/rollouts/preview", {"query": "id:*", "firmware": "lamp@2.0.0", "plan": {"windows": ["x"]}}, 400,
     "wrong-use"),
    ("POST", "/rollouts/preview", {"query": "id:*", "firmware": "lamp@2.0.0", "plan": {"guards": ["x:y"]}}, 400,
     "wrong-use"),
    ("POST", "/rollouts/preview",
     {"query": "id:*", "firmware": "lamp@2.0.0", "plan": {"waves": [{"count": 1, "share": 0.5}]}}, 400, "wrong-use"),
    ("POST", "/rollouts/preview",
     {"query": "id:*", "firmware": "lamp@2.0.0", "plan": {"waves": [{"count": 0}]}}, 400, "wrong-use"),
    ("POST", "/rollouts/preview",
     {"query": "id:*", "firmware": "lamp@2.0.0", "plan": {"on_harm": "explode"}}, 400, "wrong-use"),
    ("GET", "/rollouts/99", None, 404, "not-found"),
    ("GET", "/rollouts/x", None, 404, "not-found"),
    ("GET", "/rollouts?state=x", None, 400, "wrong-use"),
    ("GET", "/rollouts?cursor=x", None, 400, "wrong-use"),
    ("POST", "/rollouts/99/start", None, 404, "not-found"),
    ("POST", "/rollouts/1/explode", None, 404, "not-found"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), PROBLEMS)
def test_what_cannot_be_done_says_why(
    world: World, method: str, path: str, body: Any, status: int, code: str
) -> None:
    world.firmware()
    world.device("hall")
    world.device("off", ota_enabled=False)
    assert problem(world.client().request(method, API + path, json=body)) == (status, code)


def test_a_window_comes_back_as_it_was_written(world: World) -> None:
    world.firmware()
    fleet(world)
    plan = {**PLAN, "windows": ["Mon-Fri 02:00-05:00"], "guards": ["relay/on:false"], "last": "id:lamp-1"}
    found = made(world, plan=plan, standing=True, follow="2.*")
    assert found["plan"]["windows"] == ["Mon,Tue,Wed,Thu,Fri 02:00-05:00"]
    assert (found["plan"]["guards"], found["plan"]["last"]) == (["relay/on:false"], "id:lamp-1")
    assert (found["standing"], found["follow"]) == (True, "2.*")
    assert [wave["size"] for wave in found["waves"]] == [1, 3, 1, 0]


def test_rollouts_come_in_pages_the_newest_first(world: World) -> None:
    world.firmware()
    fleet(world)
    for _ in range(3):
        made(world)
    page = world.client().get(f"{API}/rollouts", params={"limit": 2}).json()
    assert [each["id"] for each in page["items"]] == [3, 2]
    rest = world.client().get(f"{API}/rollouts", params={"limit": 2, "cursor": page["next"]}).json()
    assert [each["id"] for each in rest["items"]] == [1]
    assert world.client().get(f"{API}/rollouts", params={"state": "running"}).json()["items"] == []


def test_a_reader_may_look_and_not_steer(make_world: Any) -> None:
    world: World = make_world(admin=True)
    world.firmware()
    fleet(world)
    assert world.client().post(f"{API}/rollouts/preview", json={}).status_code == 401
    body = {"query": "fw:lamp", "firmware": "lamp@2.0.0"}
    assert world.client().post(f"{API}/rollouts/preview", json=body, auth=world.login).status_code == 200


def test_a_member_that_waits_says_what_it_waits_for(world: World) -> None:
    world.firmware()
    pks = fleet(world, 2, state="sleeping")
    number = made(world, start=True)["id"]
    turn(world, number)
    client = world.client()
    first, second = client.get(f"{API}/rollouts/{number}").json()["members"]["items"]
    assert (first["outcome"], second["outcome"]) == ("queued", "waiting")
    assert "sleeping" in first["reason"]
    assert "sleeping" in client.get(f"/rollouts/{number}", headers={"accept": "text/html"}).text
    now = time.time()
    world.write(lambda conn: marks.pin(conn, pks[0], now + 60, "the exhibition", by="eve", now=now))
    assert "the exhibition" in client.get(f"{API}/rollouts/{number}").json()["members"]["items"][0]["reason"]
