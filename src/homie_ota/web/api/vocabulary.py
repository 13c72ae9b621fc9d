"""The words that the API says and takes: which property of which object, and which parameter, is one of which.

Rule: the words are those of the code itself, so the description never lacks one; nothing here is enforced, for what a
parameter may be is checked where it is used, and told with a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from homie_ota.esp.image.nouns import CheckResult, Severity
from homie_ota.fleet.curves import STATISTICS
from homie_ota.homie.leftovers import Kind
from homie_ota.model import DeploymentState, Outcome, Purpose, State, Way
from homie_ota.model.standing import Need
from homie_ota.rollout.attempts import Followed
from homie_ota.rollout.course import Move
from homie_ota.rollout.eligibility import Verdict, Weight
from homie_ota.rollout.plan import MemberState, RolloutState, WaveState
from homie_ota.rollout.verdict import Tone
from homie_ota.store import firmware, search
from homie_ota.store.accounts import ROLES
from homie_ota.store.needed import Why
from homie_ota.web.api.asking import NO_TEXT
from homie_ota.web.recipients import Standing

Json = dict[str, Any]


def _both_ways(sorts: Iterable[str]) -> list[str]:
    return [word for each in sorts for word in (each, f"-{each}")]


SAID: dict[tuple[str, str], Iterable[str]] = {
    ("Device", "state"): State,
    ("Device", "needs_you"): Need,
    ("OtaWay", "way"): Way,
    ("ActiveDeployment", "state"): DeploymentState,
    ("DeploymentShape", "state"): DeploymentState,
    ("DeploymentShape", "outcome"): Outcome,
    ("DeploymentShape", "purpose"): Purpose,
    ("DeploymentShape", "followed"): Followed,
    ("Finding", "severity"): Severity,
    ("Check", "result"): CheckResult,
    ("NeededBy", "why"): Why,
    ("ReasonShape", "weight"): Weight,
    ("DeviceFit", "verdict"): Verdict,
    ("LeftoverShape", "kind"): Kind,
    ("RolloutShape", "state"): RolloutState,
    ("RolloutDetail", "state"): RolloutState,
    ("WaveShape", "state"): WaveState,
    ("PlayedWave", "state"): WaveState,
    ("SimulationShape", "state"): RolloutState,
    ("MemberShape", "outcome"): MemberState,
    ("RolloutShape", "can"): Move,
    ("RolloutDetail", "can"): Move,
    ("Verdict", "tone"): Tone,
    ("Somebody", "role"): ROLES,
    ("WithPassword", "role"): ROLES,
    ("RecipientShape", "state"): Standing,
    ("RecipientShape", "kind"): ("notification", "webhook"),
}
"""By object and property; a list has such words as items."""

TAKEN: dict[tuple[str, str], Iterable[str]] = {
    ("/devices", "state"): ("", *State),
    ("/devices", "sort"): (*_both_ways(search.SORTS), search.BY_NEED),
    ("/deployments", "state"): ("", *DeploymentState),
    ("/rollouts", "state"): ("", *RolloutState),
    ("/rollouts/{id}", "outcome"): ("", *MemberState),
    ("/firmware", "sort"): _both_ways(firmware.SORTS),
}
"""By path and name of a parameter; empty where that means any."""

METRICS = "|".join((*STATISTICS, "[^/]+/.+"))
"""A curve: a statistic, or `node/property`."""


def put_into(told: Json) -> None:
    """Say the words in a description, in the schema of each property and parameter."""
    schemas = told["components"]["schemas"]
    for (name, field), words in SAID.items():
        _words(schemas[name]["properties"][field], words)
    for path, methods in told["paths"].items():
        for parameter in (each for operation in methods.values() for each in operation.get("parameters", ())):
            if (taken := TAKEN.get((path, parameter["name"]))) is not None:
                _words(parameter["schema"], taken)
            if parameter["name"] == "metric":
                parameter["schema"]["pattern"] = f"^({METRICS})$"


def unlimited(schema: Any) -> None:
    """Take out of a schema, and what is in it, the largest size of a text where that is none."""
    for each in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(each, dict | list):
            unlimited(each)
    if isinstance(schema, dict) and schema.get("maxLength") == NO_TEXT:
        del schema["maxLength"]


def _words(schema: Json, words: Iterable[str]) -> None:
    found = schema.get("items", schema)
    place = next((each for each in found.get("anyOf", ()) if each.get("type") == "string"), found)
    place["enum"] = [str(word) for word in words]
