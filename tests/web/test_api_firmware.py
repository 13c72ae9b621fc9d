"""Firmware in the API: short in lists, whole for one image; changed, compared, pruned."""

from __future__ import annotations

import base64
import json
import math
from typing import Any

import pytest

from homie_ota.esp.image import inspect
from homie_ota.model import DeploymentState
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts, audit
from homie_ota.store import firmware as firmwares
from homie_ota.store.accounts import Right
from homie_ota.store.tables import deployment
from web.world import World

API = "/api/v1/firmware"
DETAILS = {
    "changelog",
    "findings",
    "checks",
    "parts",
    "descriptor",
    "compiled",
    "versions",
    "signed",
    "needed_by",
}


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def test_a_list_is_light_and_one_image_tells_all_of_itself(world: World) -> None:
    image = make_image("lamp", "2.0.0", "brand")
    uploaded = world.client().post(API, files={"upload": ("x.bin", image)}).json()
    (listed,) = world.client().get(API).json()["items"]
    whole = world.client().get(f"{API}/{listed['sha256']}").json()
    assert set(whole) - set(listed) == DETAILS
    assert {name: whole[name] for name in listed} == listed
    assert uploaded == {**whole, "remarks": []}
    seen = inspect(image)
    assert [each["what"] for each in whole["parts"]] == [part.what for part in seen.parts]
    assert whole["parts"][1]["segments"][0] == seen.parts[1].segments[0]._asdict()
    assert [(each["what"], each["result"]) for each in whole["checks"]] == [
        (check.what, check.result) for check in seen.checks
    ]
    assert (whole["findings"], whole["descriptor"], whole["needed_by"]) == ([], None, [])
    assert (listed["override"], listed["requires"], listed["proven"]) == ("", "", "")


def test_a_reason_takes_a_damaged_image_and_is_told_with_its_findings(world: World) -> None:
    files = {"upload": ("x.bin", make_image("lamp", "2.0.0")[:-16])}
    assert problem(world.client().post(API, files=files)) == (400, "bad-firmware")
    told = world.client().post(API, files=files, data={"override": "I know"})
    assert told.status_code == 201
    assert told.json()["override"] == "I know"
    (finding,) = told.json()["findings"]
    assert (finding["code"], finding["severity"]) == ("truncated", "refusal")
    assert finding["text"] in told.json()["warnings"]


def test_what_people_write_is_changed_word_by_word(world: World) -> None:
    firmware = world.firmware()
    path = f"{API}/{firmware.sha256}"
    told = world.client().patch(path, json={"changelog": "faster", "requires": " >=1.5 "}).json()
    assert (told["changelog"], told["requires"], told["description"]) == ("faster", ">=1.5", "")
    told = world.client().patch(path, json={"description": "hall", "requires": ""}).json()
    assert (told["changelog"], told["requires"], told["description"]) == ("faster", "", "hall")
    assert world.client().get(path).json() == told
    assert world.client().patch(path, json={}).json() == told
    assert {row["what"] for row in world.read(audit.recent)} == {"described firmware"}


@pytest.mark.parametrize(
    "body",
    [
        {"requires": "<>"},
        {"requires": "x" * 65},
        {"colour": "red"},
        {"description": 7},
        {"changelog": "x" * 20_001},
        [],
    ],
)
def test_what_cannot_be_written_is_refused_and_changes_nothing(world: World, body: Any) -> None:
    firmware = world.firmware()
    answer = world.client().patch(f"{API}/{firmware.sha256}", json=body)
    assert problem(answer) == (400, "wrong-use")
    assert world.read(firmwares.find) == [firmware]


def test_who_needs_an_image_is_told_and_keeps_it(world: World) -> None:
    old, new = world.firmware("lamp", "1.0.0"), world.firmware("lamp", "2.0.0")
    pk = world.device("hall", md5=new.md5)
    row = {"device_pk": pk, "sha256": new.sha256, "previous_sha256": old.sha256, "offered_at": 1.0}
    row |= {"state": DeploymentState.SUCCEEDED.value, "state_since": 1.0, "created_at": 1.0}
    world.write(lambda conn: conn.execute(deployment.insert().values(**row)))
    told = world.client().get(f"{API}/{old.sha256}").json()
    assert (told["in_use_by"], told["needed_by"]) == (0, [{"who": "hall", "why": "before"}])
    told = world.client().get(f"{API}/{new.sha256}").json()
    assert told["in_use_by"] == 1
    assert told["needed_by"] == [{"who": "hall", "why": "runs"}, {"who": "hall", "why": "good"}]
    answer = world.client().delete(f"{API}/{old.sha256}")
    assert problem(answer) == (409, "conflict")
    assert "hall may need it to go back" in answer.json()["detail"]


def test_two_images_are_compared_by_hash_or_name(world: World) -> None:
    a, b = world.firmware("lamp", "1.0.0"), world.firmware("lamp", "2.0.0", size=60_000)
    told = world.client().get(f"{API}/lamp@1.0.0/compare/{b.sha256[:12]}").json()
    assert (told["a"]["sha256"], told["b"]["sha256"]) == (a.sha256, b.sha256)
    differs = [line["differs"] for line in told["lines"]]
    assert differs == sorted(differs, reverse=True)
    assert told["differences"] == sum(differs) > 0
    assert {"topic", "what", "a", "b", "differs", "note"} == set(told["lines"][0])
    same = world.client().get(f"{API}/{a.sha256}/compare/{a.sha256}").json()
    assert same["differences"] == 0
    assert problem(world.client().get(f"{API}/lamp@1.0.0/compare/lamp@9")) == (404, "not-found")


def test_old_images_are_shown_and_then_deleted(world: World) -> None:
    images = [world.firmware("lamp", version) for version in ("1.0", "1.1", "1.2")]
    world.device("hall", md5=images[0].md5)
    prune = f"{API}/prune"
    told = world.client().post(prune, json={"keep": 1, "dry_run": True}).json()
    assert (told["keep"], told["dry_run"], told["bytes"]) == (1, True, images[1].size)
    assert [each["sha256"] for each in told["deleted"]] == [images[1].sha256]
    assert len(world.read(firmwares.find)) == 3
    assert world.client().post(prune, json={"keep": 1}).json()["deleted"] == told["deleted"]
    assert {each.version for each in world.read(firmwares.find)} == {"1.0", "1.2"}
    assert [row["what"] for row in world.read(audit.recent)] == ["deleted firmware"]


def test_how_many_to_keep_comes_from_the_settings_or_has_to_be_said(world: World, make_world: Any) -> None:
    assert problem(world.client().post(f"{API}/prune", json={})) == (400, "wrong-use")
    for keep in (0, -1, "x"):
        assert problem(world.client().post(f"{API}/prune", json={"keep": keep})) == (400, "wrong-use")
    other = make_world(ota={"keep_newest": 3})
    assert other.client().post(f"{API}/prune", json={}).json()["keep"] == 3


@pytest.mark.parametrize(
    ("rights", "method", "path", "status"),
    [
        (["read"], "PATCH", "/x", 403),
        (["read", "upload"], "PATCH", "/x", 403),
        (["read", "upload"], "POST", "/prune", 403),
        (["deploy"], "PATCH", "/00000000", 404),
        (["deploy"], "POST", "/prune", 400),
        (["read"], "GET", "/00000000/compare/11111111", 404),
    ],
)
def test_changes_need_the_right_to_deploy(
    make_world: Any, rights: list[str], method: str, path: str, status: int
) -> None:
    world = make_world(admin=True)
    token = world.write(
        lambda conn: accounts.make_token(
            conn, name="admin", label="t", rights=frozenset(map(Right, rights)), now=1.0, seconds=None
        )
    )
    head = {"authorization": f"Bearer {token}"}
    assert world.client().request(method, f"{API}{path}", json={}, headers=head).status_code == status


def test_a_list_that_changes_while_it_is_read_tells_no_image_twice_and_misses_none_that_stays(
    world: World,
) -> None:
    images = [world.firmware(version=f"1.{n}.0") for n in range(6)]
    client, seen = world.client(), list[str]()
    first = client.get(API, params={"limit": 2}).json()
    seen += [each["version"] for each in first["items"]]
    world.firmware(version="2.0.0")  # the newest stands in front of all others
    assert client.delete(f"{API}/{images[4].sha256}").status_code == 200  # it was shown last
    cursor = first["next"]
    while cursor is not None:
        page = client.get(API, params={"limit": 2, "cursor": cursor}).json()
        seen += [each["version"] for each in page["items"]]
        cursor = page["next"]
    assert seen[:2] == ["1.5.0", "1.4.0"]
    assert set(seen[2:]) >= {"1.3.0", "1.2.0", "1.1.0", "1.0.0"}


def test_an_image_that_came_in_front_pushes_nothing_onto_the_next_page(world: World) -> None:
    for n in range(4):
        world.firmware(version=f"1.{n}.0")
    client = world.client()
    first = client.get(API, params={"limit": 2}).json()
    world.firmware(version="2.0.0")
    rest = client.get(API, params={"limit": 9, "cursor": first["next"]}).json()
    assert [each["version"] for each in rest["items"]] == ["1.1.0", "1.0.0"]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "key", [["x"], ["x", "y"], [1.0, 2.0], ["x", math.inf], ["x", math.nan], ["x", -1e300], ["x", 1], {}, "x"]
)
def test_a_cursor_of_another_list_is_refused_or_harmless(world: World, key: Any) -> None:
    world.firmware()
    forged = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
    assert world.client().get(API, params={"cursor": forged}).status_code in (200, 400)
