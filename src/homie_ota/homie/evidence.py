"""Which generation a device is of, and which way it is updated: decided from evidence, not from `$homie` alone.

Rule: the table in homie-ota.md, "Which way, for which device"; what fits no line cannot be updated by us, with the
reason as a sentence for people.
"""

from __future__ import annotations

from collections.abc import Mapping

from homie_ota.homie import v2, v5
from homie_ota.model import Way

ASKS = "asks"
"""A fact of ours, of devices that were adopted because they asked over HTTP: the family of their chip."""
ESP32_HOMIE = "esp32-homie"
UNPROVABLE = (
    "It asks over HTTP with neither a checksum nor a version: nobody could tell that an update has arrived, and it "
    "would get it again and again. Give its sketch a version, or build it with a newer core."
)
_LEGACY_STATS = frozenset({"signal", "uptime", "interval"})


def generation(facts: Mapping[str, str]) -> str:
    """The generation for people: `1.5`, `2.0.0-beta.1`, `esp32-homie`, else the version as announced; "" unknown."""
    homie = facts.get("homie", "")
    if homie:
        return v2.BETA_1 if facts.get("implementation/version") == v2.BETA_1 else homie[:32]
    if _is_esp32_homie(facts):
        return ESP32_HOMIE
    return "1.5" if _is_1_5(facts) else ""


def way(facts: Mapping[str, str]) -> tuple[Way, str]:
    """How the device is updated, and the evidence; for Way.NONE: why it cannot be updated."""
    homie = facts.get("homie", "")
    if not homie:
        return _of_asker(facts) if ASKS in facts else _without_homie(facts)
    if v5.RUNTIME_EXTENSION in facts.get("extensions", "").split(","):
        return Way.MQTT, f"It announces the extension {v5.RUNTIME_EXTENSION}."
    if not homie.startswith(("2.", "3.", "4.")):
        return (
            Way.NONE,
            f"Homie {homie[:32]} has no updates of its own, and the device announces no extension for them.",
        )
    return _of_homie_esp8266(facts, homie[:32])


def _of_asker(facts: Mapping[str, str]) -> tuple[Way, str]:
    if facts.get("md5") or facts.get("fw/version"):
        return Way.ASKS, "It asks for updates over HTTP as the Arduino cores do, and speaks no Homie."
    return Way.NONE, UNPROVABLE


def _without_homie(facts: Mapping[str, str]) -> tuple[Way, str]:
    if _is_esp32_homie(facts):
        return Way.URL, "It announces $implementation/ota topics of esp32-homie and no $homie."
    if _is_1_5(facts):
        return Way.HTTP, "It announces $fwname and no $homie: Homie 1.5, which asks over HTTP."
    return Way.NONE, "It has not announced which Homie it speaks: neither $homie nor $fwname was heard."


def _of_homie_esp8266(facts: Mapping[str, str], homie: str) -> tuple[Way, str]:
    implementation = facts.get("implementation", "")
    if not implementation.startswith(("esp8266", "esp32")):
        named = f"“{implementation[:64]}”" if implementation else "nothing"
        return Way.NONE, f"Its $implementation is {named}: not homie-esp8266, so it has no update over MQTT."
    if facts.get("implementation/version") == v2.BETA_1:
        return Way.TWO_STEP, "It says $implementation/version 2.0.0-beta.1, which takes the checksum first."
    if _is_pre_release(facts):
        return Way.TWO_STEP, "It announces statistics as the pre-releases of 2.0 did, and no $fw/checksum."
    if "ota/enabled" not in facts:
        return Way.NONE, f"It is an {implementation[:64]}, but does not announce $implementation/ota/enabled."
    return Way.MQTT, f"Homie {homie} on {implementation[:64]}, with $implementation/ota/enabled."


def _is_pre_release(facts: Mapping[str, str]) -> bool:
    # Builds of 2016 around the betas call themselves 2.0.0. A checksum first does no harm where it is unknown.
    return bool(_told_by_legacy(facts) & _LEGACY_STATS) and "md5" not in facts and "ota/enabled" in facts


def _is_esp32_homie(facts: Mapping[str, str]) -> bool:
    # `ota/enabled` alone proves nothing: so looks a 3.x device of which nothing else has arrived yet.
    return bool(facts.keys() & {"ota/running", "ota/boot"}) and not facts.keys() & {"homie", "nodes", "md5"}


def _is_1_5(facts: Mapping[str, str]) -> bool:
    return bool(_told_by_legacy(facts) & {"fw/name", "fw/version"})


def _told_by_legacy(facts: Mapping[str, str]) -> frozenset[str]:
    return frozenset(facts.get("legacy", "").split())
