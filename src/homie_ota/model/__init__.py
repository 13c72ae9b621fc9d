"""The nouns of homie-ota: addresses, observations, firmware, deployments; frozen values without behaviour.

Rule: everything here is a value that any room may hold; nothing here reads, writes, waits or knows the time. The words
are those of `docs/reference/glossary.md`. Times are Unix seconds (float, UTC), durations seconds.
"""

from __future__ import annotations

from homie_ota.model.deployment import ACTIVE, ENDED, Deployment, DeploymentState, Firmware, Outcome, Purpose
from homie_ota.model.device import AWAKE, FIRST_ASKER, MAX_NAME, Address, OtaEvent, Publish, State, Way
from homie_ota.model.observation import (
    FACTS,
    DescriptionSeen,
    FactSeen,
    NodeDescription,
    NodeFactSeen,
    Observation,
    OtaRequestSeen,
    OtaStatusSeen,
    PropertyDescription,
    PropertyFactSeen,
    StateSeen,
    ValueCleared,
    ValueSeen,
)

__all__ = [
    "ACTIVE",
    "AWAKE",
    "ENDED",
    "FACTS",
    "FIRST_ASKER",
    "MAX_NAME",
    "Address",
    "Deployment",
    "DeploymentState",
    "DescriptionSeen",
    "FactSeen",
    "Firmware",
    "NodeDescription",
    "NodeFactSeen",
    "Observation",
    "OtaEvent",
    "OtaRequestSeen",
    "OtaStatusSeen",
    "Outcome",
    "PropertyDescription",
    "PropertyFactSeen",
    "Publish",
    "Purpose",
    "State",
    "StateSeen",
    "ValueCleared",
    "ValueSeen",
    "Way",
]
