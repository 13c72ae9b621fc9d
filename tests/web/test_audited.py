"""Everything that changes something leaves its row in the audit log, with who and from where: each address is tried."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.config.announcing import AnnounceSettings
from homie_ota.errors import StorageFull
from homie_ota.esp.request import UpdateRequest
from homie_ota.model import Publish
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts, audit, deployments, knocks, quarantine, removed
from homie_ota.store.accounts import Right
from homie_ota.store.database import Connection
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import leftover
from homie_ota.web import entrance, health_page, knocking, people_pages
from homie_ota.web.device import forms as device_forms
from homie_ota.web.inventory import acts as inventory_acts
from web.test_gate import logged_in
from web.test_rights import addresses
from web.world import World, form_word

API = "/api/v1"
TOPIC = "homie/hall/$implementation/ota/firmware/" + "a" * 32
NODES = {"relay": {"properties": {"on": {"settable": "true", "datatype": "boolean"}}}}
PLAN = {"query": "fw:lamp", "firmware": "lamp@2.0.0"}


class Scene:
    """An installation with an administrator, the device `hall`, and what an act needs."""

    def __init__(self, world: World) -> None:
        self.world = world
        login = base64.b64encode(":".join(world.login).encode()).decode()
        self._basic = {"authorization": f"Basic {login}"}
        self.rows_before = 0
        self.sent: list[Publish] = []
        self.pk = world.device("hall", nodes=NODES)
        world.shell.set_property = self._set

    async def _set(self, message: Publish) -> None:
        self.sent.append(message)

    def send(self, method: str, path: str, **given: Any) -> Any:
        return self.ask(self.world.client(headers=self._basic), method, path, **given)

    def post(self, path: str, **fields: str) -> Any:
        return self.send("POST", path, data=fields)

    def upload(self, path: str) -> Any:
        return self.send("POST", path, files={"upload": ("x.bin", make_image("lamp", "4.0"))})

    def ask(self, client: Any, method: str, path: str, **given: Any) -> Any:
        """The last request is what a test is about: what was there before it does not count."""
        self.rows_before = self.world.read(audit.head).rows
        return client.request(method, path, **given)

    def order(self) -> int:
        return self.world.order(self.pk, self.world.firmware(), offered=False).id

    def pin(self) -> Any:
        self.send("PUT", f"{API}/devices/hall/pin", json={"until": "2999-01-01T00:00:00Z", "reason": "x"})
        return self

    def tag(self) -> Any:
        self.send("PUT", f"{API}/devices/hall/tags/attic")
        return self

    def held(self) -> Any:
        image = self.world.firmware(version="3.0.0")
        put = Held(self.pk, image.sha256, "came-back-old", "It did harm.", time.time())
        self.world.write(partial(quarantine.add, held=put))
        return self

    def left(self) -> Any:
        row = {
            "topic": TOPIC,
            "device_pk": self.pk,
            "kind": "image",
            "text": "a" * 32,
            "size": 9,
            "found_at": 1.0,
        }
        self.away()
        self.world.write(lambda conn: conn.execute(leftover.insert().values(**row)))
        return self

    def gone(self) -> int:
        """`hall` is deleted; the number of its copy."""
        self.away()
        now = time.time()
        self.world.write(lambda conn: removed.take(conn, self.pk, by="x", now=now))
        return self.pk

    def knock(self) -> str:
        """A stranger has asked for an update; its MAC."""
        asked = UpdateRequest("esp8266", mac="A0:20:A6:14:85:06")
        self.world.write(
            lambda conn: knocks.note(conn, asked, address="10.0.0.9", network="10.0.0.9", now=1.0)
        )
        return asked.mac

    def told(self) -> Any:
        """Somebody elsewhere is told what happens."""
        announce = AnnounceSettings(notify=["json://127.0.0.1:9"])  # type: ignore[arg-type]
        self.world.shell.settings = self.world.settings.model_copy(update={"announce": announce})
        return self

    def away(self) -> Any:
        self.world.device("hall", pk=self.pk, nodes=NODES, state="lost")
        return self

    def image(self) -> str:
        return self.world.firmware().sha256

    def images(self) -> str:
        """Two versions of one name, the first of which nobody needs."""
        self.world.firmware(version="1.0.1")
        return self.image()

    def filename(self) -> str:
        return self.world.firmware().filename

    def rollout(self, *steps: str) -> int:
        self.image()
        made = self.send("POST", f"{API}/rollouts", json=PLAN).json()["id"]
        for step in steps:
            assert self.send("POST", f"{API}/rollouts/{made}/{step}", json={"reason": "x"}).status_code == 200
        return int(made)

    def failed(self) -> Any:
        """The last update of `hall` failed, and nobody has looked."""
        made = self.world.order(self.pk, self.world.firmware())

        def write(conn: Connection) -> None:
            found = deployments.get(conn, made.id)
            assert found is not None
            assert deployments.advance(conn, found, Event.EXPIRE, now=time.time(), reason=reasons.NOT_BACK)

        self.world.write(write)
        return self

    def bob(self) -> str:
        self.world.write(lambda conn: accounts.create(conn, "bob", "operator", time.time()))
        return "bob"

    def token(self) -> str:
        secret = self.world.write(
            lambda conn: accounts.make_token(
                conn, name="admin", label="x", rights=[Right.READ], now=time.time(), seconds=None
            )
        )
        return accounts.digest(secret)

    def session(self) -> str:
        return accounts.digest(
            self.world.write(lambda conn: accounts.open_session(conn, "admin", time.time()))
        )

    def browser(self, path: str, **fields: str) -> Any:
        client = logged_in(self.world)
        data = {"word": form_word(client.get("/account")), **fields}
        return self.ask(client, "POST", path, data=data)

    def log_in(self) -> Any:
        client = self.world.client(headers={"accept": "text/html", "sec-fetch-site": "same-origin"})
        name, password = self.world.login
        form = {"word": form_word(client.get("/login")), "name": name, "password": password}
        return self.ask(client, "POST", "/login", data=form)


def moves(*before: str) -> Callable[[str], Callable[[Scene], Any]]:
    """A move of a rollout after others, over the API."""
    return lambda move: (
        lambda s: s.send("POST", f"{API}/rollouts/{s.rollout(*before)}/{move}", json={"reason": "x"})
    )


Act = Callable[[Scene], Any]
ACTS: dict[tuple[str, str], Act] = {
    ("POST", "/filters"): lambda s: s.post("/filters", action="keep", name="mine", q="fw:lamp"),
    ("PUT", "/api/v1/filters/{name}"): lambda s: s.send("PUT", f"{API}/filters/mine", json={"query": "fw:lamp"}),
    ("DELETE", "/api/v1/filters/{name}"): lambda s: (
        s.post("/filters", action="keep", name="mine", q="fw:lamp") and s.send("DELETE", f"{API}/filters/mine")
    ),
    ("DELETE", "/device/{id:path}"): lambda s: s.away().send("DELETE", "/device/hall"),
    ("POST", "/removed"): lambda s: s.post("/removed", device_pk=str(s.gone())),
    ("POST", "/api/v1/knocks/{mac}/adopt"): lambda s: s.send(
        "POST", f"{API}/knocks/{s.knock()}/adopt", json={"name": "Greenhouse"}
    ),
    ("DELETE", "/api/v1/knocks/{mac}"): lambda s: s.send("DELETE", f"{API}/knocks/{s.knock()}"),
    ("POST", "/firmware/prune"): lambda s: s.images() and s.post("/firmware/prune", keep="1"),
    ("POST", "/firmware/{file}"): lambda s: s.post(f"/firmware/{s.filename()}", action="describe", description="x"),
    ("DELETE", "/firmware/{file}"): lambda s: s.send("DELETE", f"/firmware/{s.filename()}"),
    ("POST", "/upload"): lambda s: s.upload("/upload"),
    ("POST", "/update"): lambda s: s.post("/update", device="hall", firmware=s.image()),
    ("POST", "/update-all"): lambda s: s.post("/update-all", firmware=s.image()),
    ("POST", "/rollouts"): lambda s: s.image() and s.post("/rollouts", action="keep", **PLAN),
    ("POST", "/rollouts/{id}"): lambda s: s.post(f"/rollouts/{s.rollout()}", action="start"),
    ("POST", "/deployment/{id}"): lambda s: s.post(f"/deployment/{s.order()}", action="cancel"),
    ("POST", "/login"): lambda s: s.log_in(),
    ("POST", "/logout"): lambda s: s.browser("/logout"),
    ("DELETE", "/api/v1/devices/{id}"): lambda s: s.away().send("DELETE", f"{API}/devices/hall"),
    ("POST", "/api/v1/deployments"): lambda s: s.send(
        "POST", f"{API}/deployments", json={"device": "hall", "firmware": s.image()}
    ),
    ("POST", "/api/v1/deployments/{id}/cancel"): lambda s: s.send("POST", f"{API}/deployments/{s.order()}/cancel"),
    ("POST", "/api/v1/firmware"): lambda s: s.upload(f"{API}/firmware"),
    ("PATCH", "/api/v1/firmware/{sha256}"): lambda s: s.send(
        "PATCH", f"{API}/firmware/{s.image()}", json={"description": "x"}
    ),
    ("DELETE", "/api/v1/firmware/{sha256}"): lambda s: s.send("DELETE", f"{API}/firmware/{s.image()}"),
    ("POST", "/api/v1/firmware/prune"): lambda s: s.images()
    and s.send("POST", f"{API}/firmware/prune", json={"keep": 1}),
    ("PUT", "/api/v1/devices/{id}/pin"): lambda s: s.send(
        "PUT", f"{API}/devices/hall/pin", json={"until": "2999-01-01T00:00:00Z", "reason": "x"}
    ),
    ("DELETE", "/api/v1/devices/{id}/pin"): lambda s: s.pin().send("DELETE", f"{API}/devices/hall/pin"),
    ("PUT", "/api/v1/devices/{id}/tags/{tag}"): lambda s: s.send("PUT", f"{API}/devices/hall/tags/attic"),
    ("DELETE", "/api/v1/devices/{id}/tags/{tag}"): lambda s: s.tag().send("DELETE", f"{API}/devices/hall/tags/attic"),
    ("PUT", "/api/v1/devices/{id}/properties/{node}/{prop}"): lambda s: s.send(
        "PUT", f"{API}/devices/hall/properties/relay/on", json={"value": True}
    ),
    ("POST", "/api/v1/removed/{number}/undo"): lambda s: s.send("POST", f"{API}/removed/{s.gone()}/undo"),
    ("POST", "/api/v1/people"): lambda s: s.send("POST", f"{API}/people", json={"name": "bob", "role": "viewer"}),
    ("PATCH", "/api/v1/people/{name}"): lambda s: s.send("PATCH", f"{API}/people/{s.bob()}", json={"disabled": True}),
    ("POST", "/api/v1/people/{name}/reset"): lambda s: s.send("POST", f"{API}/people/{s.bob()}/reset"),
    ("POST", "/api/v1/people/{name}/logout"): lambda s: s.send("POST", f"{API}/people/{s.bob()}/logout"),
    ("DELETE", "/api/v1/people/{name}"): lambda s: s.send("DELETE", f"{API}/people/{s.bob()}"),
    ("POST", "/api/v1/tokens"): lambda s: s.send("POST", f"{API}/tokens", json={"label": "x", "rights": ["read"]}),
    ("DELETE", "/api/v1/tokens/{id}"): lambda s: s.send("DELETE", f"{API}/tokens/{s.token()}"),
    ("POST", "/api/v1/devices/{id}/release"): lambda s: s.held().send("POST", f"{API}/devices/hall/release"),
    ("POST", "/api/v1/devices/{id}/looked"): lambda s: s.failed().send("POST", f"{API}/devices/hall/looked"),
    ("POST", "/api/v1/leftovers/clear"): lambda s: s.left().send(
        "POST", f"{API}/leftovers/clear", json={"topic": TOPIC}
    ),
    ("POST", "/api/v1/recipients/test"): lambda s: s.told().send("POST", f"{API}/recipients/test"),
    ("POST", "/api/v1/rollouts"): lambda s: s.image() and s.send("POST", f"{API}/rollouts", json=PLAN),
    ("POST", "/api/v1/rollouts/{id}/start"): moves()("start"),
    ("POST", "/api/v1/rollouts/{id}/pause"): moves("start")("pause"),
    ("POST", "/api/v1/rollouts/{id}/resume"): moves("start", "pause")("resume"),
    ("POST", "/api/v1/rollouts/{id}/drain"): moves("start")("drain"),
    ("POST", "/api/v1/rollouts/{id}/abort"): moves("start")("abort"),
}  # fmt: skip
"""Method and path → an act that succeeds there."""

BY_WORD: dict[tuple[str, str], dict[str, Act]] = {
    ("POST", "/device/{id:path}"): {
        "delete": lambda s: s.away().post("/device/hall", action="delete", typed="hall"),
        "set": lambda s: s.post("/device/hall", action="set", node="relay", prop="on", value="true"),
        "pin": lambda s: s.post("/device/hall", action="pin", hours="2", reason="x"),
        "unpin": lambda s: s.pin().post("/device/hall", action="unpin"),
        "tag": lambda s: s.post("/device/hall", action="tag", tag="attic"),
        "untag": lambda s: s.tag().post("/device/hall", action="untag", tag="attic"),
        "release": lambda s: s.held().post("/device/hall", action="release"),
        "clear": lambda s: s.left().post("/device/hall", action="clear", topic=TOPIC),
    },
    ("POST", "/act"): {
        "tag": lambda s: s.post("/act", action="tag", device="hall", tag="attic"),
        "untag": lambda s: s.tag().post("/act", action="untag", device="hall", tag="attic"),
        "pin": lambda s: s.post("/act", action="pin", device="hall", days="1", reason="x"),
        "unpin": lambda s: s.pin().post("/act", action="unpin", device="hall"),
        "looked": lambda s: s.failed().post("/act", action="looked", device="hall"),
        "release": lambda s: s.held().post("/act", action="release", device="hall"),
        "delete": lambda s: s.away().post("/act", action="delete", device="hall", count="1", typed="1"),
    },
    ("POST", "/health"): {"test": lambda s: s.told().post("/health", action="test")},
    ("POST", "/knocking"): {
        "adopt": lambda s: s.post("/knocking", action="adopt", mac=s.knock(), name="Greenhouse"),
        "forget": lambda s: s.post("/knocking", action="forget", mac=s.knock()),
    },
    ("POST", "/account"): {
        "password": lambda s: s.browser("/account", action="password", old=s.world.login[1], new="another password"),
        "token": lambda s: s.browser("/account", action="token", label="x", right="read", days="1"),
        "revoke": lambda s: s.browser("/account", action="revoke", digest=s.token()),
        "end": lambda s: s.browser("/account", action="end", digest=s.session()),
        "end-all": lambda s: s.browser("/account", action="end-all"),
    },
    ("POST", "/people"): {
        "add": lambda s: s.post("/people", action="add", name="bob", role="viewer"),
        "reset": lambda s: s.post("/people", action="reset", name=s.bob()),
        "role": lambda s: s.post("/people", action="role", name=s.bob(), role="viewer"),
        "disable": lambda s: s.post("/people", action="disable", name=s.bob()),
        "enable": lambda s: s.post("/people", action="enable", name=s.bob()),
        "remove": lambda s: s.post("/people", action="remove", name=s.bob()),
        "logout": lambda s: s.post("/people", action="logout", name=s.bob()),
        "revoke": lambda s: s.post("/people", action="revoke", digest=s.token()),
    },
}  # fmt: skip
"""Forms with several acts: each by its word."""

WORDS = {
    ("POST", "/device/{id:path}"): set(device_forms.ACTS),
    ("POST", "/act"): set(inventory_acts._ACTS),
    ("POST", "/health"): set(health_page.ACTS),
    ("POST", "/knocking"): set(knocking.ACTS),
    ("POST", "/account"): set(entrance._CHANGES),
    ("POST", "/people"): {*people_pages._CHANGES, *people_pages._SHOWS_A_PASSWORD, "revoke"},
}

CHANGE_NOTHING = {
    ("POST", "/api/v1/rollouts/preview"),
    ("POST", "/api/v1/leftovers/look"),
}
ELSEWHERE = {("POST", "/api/v1/rollouts/{id}/revert")}
"""Needs a device that was updated, as `test_a_revert_needs_something_to_take_back` has; its row is every move's."""

ALL = {
    **{f"{method} {path}": act for (method, path), act in ACTS.items()},
    **{f"{m} {path} {word}": act for (m, path), acts in BY_WORD.items() for word, act in acts.items()},
}


@pytest.fixture
def scene(make_world: Callable[..., World]) -> Scene:
    return Scene(make_world(admin=True))


def test_no_address_and_no_form_is_forgotten(scene: Scene) -> None:
    found = {each for each in addresses(scene.world) if each[0] not in ("GET", "HEAD")}
    assert found == {*ACTS, *BY_WORD, *CHANGE_NOTHING, *ELSEWHERE}
    assert {place: set(acts) for place, acts in BY_WORD.items()} == WORDS


@pytest.mark.parametrize("name", list(ALL))
def test_what_is_done_is_written_down_with_who_and_from_where(scene: Scene, name: str) -> None:
    answer = ALL[name](scene)
    assert answer.status_code < 400, answer.text
    rows = scene.world.read(audit.recent)
    assert scene.world.read(audit.head).rows > scene.rows_before
    last = rows[0]
    assert (last["who"], last["from_where"]) == ("admin", "testclient"), last
    assert last["what"]
    assert scene.world.read(audit.verify).fault is None
    assert scene.world.login[1] not in str(rows)


@pytest.mark.parametrize(
    "name",
    [
        "POST /upload",
        "DELETE /firmware/{file}",
        "POST /firmware/{file}",
        "POST /api/v1/deployments",
        "POST /api/v1/people",
        "PUT /api/v1/devices/{id}/pin",
        "POST /people disable",
    ],
)
def test_what_cannot_be_written_down_is_not_done(
    scene: Scene, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = ("firmware", "deployment", "account", "device", "token")

    def everything() -> list[Any]:
        def read(conn: Connection) -> list[Any]:
            return [conn.execute(sa.text(f"SELECT * FROM {table}")).all() for table in tables]

        return [scene.world.read(read), sorted(scene.world.images.directory.glob("*.*"))]

    before: list[Any] = []

    def fails(*_: Any, **__: Any) -> None:
        raise StorageFull("The disk did not take the change.")

    def ask(client: Any, method: str, path: str, **given: Any) -> Any:
        before.append(everything())
        monkeypatch.setattr("homie_ota.store.audit.add", fails)
        return client.request(method, path, **given)

    monkeypatch.setattr(scene, "ask", ask)
    assert ALL[name](scene).status_code == 507
    assert everything() == before[-1]
