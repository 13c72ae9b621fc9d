"""What is worth telling a person, and the words for it: what happened, what to do next, and where to look.

Rule: WORDS has every kind of the settings. An event that asks nothing of anybody is no notice; what follows from one
that was told already is none either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from homie_ota.config.announcing import NoticeKind
from homie_ota.esp.image import clean
from homie_ota.model import DeploymentState, Purpose
from homie_ota.rollout.attempts import Followed
from homie_ota.rollout.plan import MemberState
from homie_ota.store.acting import ENGINE
from homie_ota.store.notable import About

Row = dict[str, Any]
GOOD, INFO, MIND, BAD = "success", "info", "warning", "failure"


class Words(NamedTuple):
    """How bad it is, the title, what to do next, and the title when it is over (empty: that is not told)."""

    level: str
    title: str
    step: str
    over: str = ""


WORDS: dict[NoticeKind, Words] = {
    "harm": Words(
        BAD,
        "{device} was harmed by {image}",
        "Look at the device. Its page has the way back; the image is not sent to it again until you release it.",
    ),
    "rollout-stopped": Words(
        MIND, "{rollout} stopped", "Decide on its page: let it go on, end it, or take it back."
    ),
    "rollout-finished": Words(GOOD, "{rollout} is finished", "Nothing to do."),
    "quarantine": Words(
        MIND,
        "{image} is kept from {device}",
        "Look why, and release it on the page of the device when it may be tried again.",
    ),
    "update-failed": Words(
        MIND,
        "{device} did not get {image}",
        "Its page says what was tried. Order it again when the cause is gone.",
    ),
    "leftover": Words(
        MIND,
        "A retained message waits for devices",
        "A device acts on it at every connect. homie-ota leftovers shows and clears each.",
    ),
    "alarm": Words(MIND, "{device} needs a look", "Its page says what holds it back."),
    "broker-lost": Words(
        BAD,
        "The broker is away",
        "Nothing is heard and nothing can be sent. Is it running, and are address, user and password in [mqtt] right?",
        "The broker is back",
    ),
    "broker-drops": Words(
        MIND,
        "The broker drops messages",
        "Give it room: max_queued_messages 1000000 in mosquitto.conf.",
        "The broker drops nothing any more",
    ),
    "disk-full": Words(
        BAD,
        "A disk is nearly full",
        "Delete old images (the page of firmware does), or move [storage] to a larger disk.",
        "The disk has room again",
    ),
    "clock-wrong": Words(
        MIND,
        "The clock is wrong",
        "Set it: timedatectl set-ntp true. Deadlines, ages and the log are wrong until then.",
        "The clock is right again",
    ),
    "recipient-dead": Words(
        BAD,
        "Somebody cannot be told any more",
        "Look at the address in [announce], and at who should answer there.",
        "Who could not be told is told again",
    ),
}
"""Kind, as the settings name it → its words."""

NOT_WELL = Words(
    MIND,
    "{rollout} is finished, but not every device is well",
    "Look at these devices on its page, and why, before you send that image again.",
)
"""Instead of "rollout-finished" where a device is not where the rollout wanted it."""

_OUTCOMES = {
    MemberState.HARMFUL: "harmed",
    MemberState.STRANDED: "without a way back",
    MemberState.UNHARMED: "not updated",
    MemberState.REVERTED: "taken back",
}

TEST_TITLE = "homie-ota: this is a test"


class Notice(NamedTuple):
    """One message for a person; `path` is that of the page to look at. `kind` is empty for a test."""

    kind: NoticeKind | None
    level: str
    title: str
    text: str
    step: str
    path: str

    def body(self, link: Callable[[str], str]) -> str:
        """What stands below the title, in lines."""
        lines = (self.text, f"Next: {self.step}" if self.step else "", link(self.path))
        return "\n".join(line for line in lines if line)


def notice(row: Row) -> Notice | None:
    """The message for an event (`store/notable.py`); None when nobody has to be told."""
    make = _MAKE.get(row["kind"])
    return make(row, row["about"]) if make else None


def _notice(kind: NoticeKind, about: About, text: object, path: str, instead: Words | None = None) -> Notice:
    words = instead or WORDS[kind]
    return Notice(
        kind, words.level, words.title.format(**_names(about)), clean(str(text), 600), words.step, path
    )


def _names(about: About) -> dict[str, str]:
    of, image = about.rollout, clean(about.image, 80) or "an image"
    named = f" “{clean(of.name, 60)}”" if of is not None and of.name else ""
    rollout = f"Rollout {of.id}{named} of {image}" if of is not None else "A rollout"
    return {
        "device": clean(about.device[1], 64) if about.device else "A device",
        "image": image,
        "rollout": rollout,
    }


def _page(about: About) -> str:
    return f"/device/{quote(about.device[0], safe='~')}" if about.device else "/log"


def _deployment(row: Row, about: About) -> Notice | None:
    of = about.deployment
    if of is None or of.state is not DeploymentState.FAILED:
        return None  # it came back after all
    path = f"/deployment/{of.id}"
    if of.harmful:
        return _notice("harm", about, row["data"].get("reason") or of.reason, path)
    is_final = of.followed in (Followed.NOTHING, "")
    is_told_by_rollout = of.rollout_id is not None and of.purpose != Purpose.REVERT
    if not is_final or is_told_by_rollout:
        return None
    return _notice("update-failed", about, row["data"].get("reason") or of.reason, path)


def _device(row: Row, about: About) -> Notice:
    path = f"/deployment/{about.deployment.id}" if about.deployment else _page(about)
    return _notice("harm", about, row["data"].get("text", ""), path)


def _rollout(row: Row, about: About) -> Notice | None:
    data, path = row["data"], f"/rollouts/{row['data'].get('rollout', '')}"
    if data.get("event") == "finish":
        bad = [f"{about.ended[each]} {word}" for each, word in _OUTCOMES.items() if about.ended.get(each)]
        text = " ".join([str(data.get("reason", "")), f"Devices: {', '.join(bad)}." if bad else ""]).strip()
        return _notice("rollout-finished", about, text, path, NOT_WELL if bad else None)
    if row["actor"] not in ("", ENGINE):
        return None  # who stopped it knows
    return _notice("rollout-stopped", about, data.get("reason", ""), path)


def _quarantine(row: Row, about: About) -> Notice | None:
    if about.deployment is not None and about.deployment.harmful:
        return None  # told as harm
    return _notice("quarantine", about, row["data"].get("reason", ""), _page(about))


def _leftover(row: Row, about: About) -> Notice:
    return _notice("leftover", about, f"On the topic {row['data'].get('topic', '')}.", "/health")


def _alarm(row: Row, about: About) -> Notice:
    return _notice("alarm", about, row["data"].get("text", ""), _page(about))


def _server(row: Row, about: About) -> Notice | None:
    data = row["data"]
    kind: NoticeKind | None = next((each for each in WORDS if each == data.get("code")), None)
    if kind is None:
        return None
    made = _notice(kind, about, data.get("text", ""), "/health")
    if data.get("event") == "began":
        return made
    over = WORDS[kind].over
    return made._replace(level=GOOD, title=over, step="") if over else None


def _test(row: Row, _about: About) -> Notice:
    text = clean(str(row["data"].get("text", "")), 300)
    return Notice(None, INFO, TEST_TITLE, text, "", "/health")


_MAKE: dict[str, Callable[[Row, About], Notice | None]] = {
    "deployment": _deployment,
    "device": _device,
    "rollout": _rollout,
    "quarantine": _quarantine,
    "leftover": _leftover,
    "alarm": _alarm,
    "server": _server,
    "test": _test,
}
