"""No sentence about a way back calls the image that is sent the new one."""

from __future__ import annotations

import re

import pytest

from homie_ota.model import Deployment, DeploymentState, Purpose, Way
from homie_ota.rollout import moves, reasons, way_back
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason

S = DeploymentState
ALL = [
    *(each for each in vars(reasons).values() if isinstance(each, Reason)),
    *reasons.REFUSALS.values(),
    *(reasons.refused(event, "") for event in reasons.REFUSALS),
    *(reasons.expired(state, way, complete=True) for state in reasons._EXPIRED for way in Way),
    reasons.came_back_old(S.REBOOTING, Way.MQTT, complete=True, took=1.0),
    reasons.came_back_old(S.TRANSFERRING, Way.MQTT, complete=False, took=50.0),
    reasons.came_back_old(S.TRANSFERRING, Way.MQTT, complete=False, took=5.0),
    reasons.came_back_other("lamp", "3.0"),
    reasons.worse("worse-heap", "free heap −60 %"),
    reasons.booted("it tells no statistics"),
]


@pytest.mark.parametrize("reason", ALL, ids=lambda each: each.code)
def test_no_sentence_confuses_the_two_images(reason: Reason) -> None:
    assert not re.search(r"\bnew (one|firmware|image)\b|\bold (one|firmware)\b", way_back.said(reason.text))


def test_only_a_way_back_is_said_so() -> None:
    texts = [
        moves.changes(
            Deployment(1, 1, "aa", 1, S.REBOOTING, 0.0, 0.0, purpose=purpose), S.FAILED, Event.EXPIRE, now=1.0,
            reason=reasons.NOT_BACK, note="", limits={},
        )["reason"]
        for purpose in (Purpose.UPDATE, Purpose.REVERT)
    ]  # fmt: skip
    assert "comes back with the new firmware later" in str(texts[0])
    assert "comes back with the firmware that it ran before later" in str(texts[1])
