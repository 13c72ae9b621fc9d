"""Which devices an update is about, and what will happen to a single one: the server is asked.

Rule: nothing is sent here, and nothing is judged here: there is one place for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from homie_ota.cli.devices import bare, key
from homie_ota.cli.firmware import hashes
from homie_ota.client import Api, Json
from homie_ota.errors import NotFound
from homie_ota.model import Firmware, Way
from homie_ota.rollout.eligibility import Candidate
from homie_ota.rollout.eligibility import judge as judge_one

_QUERY_SIGNS = frozenset(' ():"<>=')


class Step(NamedTuple):
    """`firmware` goes to `device`, or it is None and `why` says why not; `runs_it`: there is nothing to do."""

    device: Json
    firmware: Json | None = None
    why: str = ""
    runs_it: bool = False
    warnings: tuple[str, ...] = ()


def query_of(api: Api, words: Sequence[str]) -> str:
    """The query that finds all that ids, globs of ids and queries name; NotFound where one of them names none."""
    return " OR ".join(_found(api, word) for word in words)


def _found(api: Api, word: str) -> str:
    if not is_several(word):
        return f'id:"{key(api.device(word))}"'
    query = _query(word)
    if not list(api.devices(query, limit=1)):
        raise NotFound(f"No device fits {word!r}. Look at the list with `homie-ota devices`.")
    return query if query.startswith("id:") else f"({query})"


def is_several(word: str) -> bool:
    """True when a target is a glob or a query rather than one device's id."""
    return "*" in word or word.startswith("-") or not _QUERY_SIGNS.isdisjoint(word)


def _query(word: str) -> str:
    return word if word.startswith("-") or not _QUERY_SIGNS.isdisjoint(word) else f"id:{word}"


def judge(device: Json, images: Sequence[Json], override: str = "") -> Step:
    """What will happen to a device when one of `images` (of one name and version) is wanted for it."""
    running = (device.get("firmware") or {}).get("md5")
    if running and running in [image.get("md5") for image in images]:
        return Step(device, why=f"{bare(device)} runs this image already.", runs_it=True)
    verdicts = [judge_one(_candidate(device), _firmware(image), override) for image in images]
    fitting = [each for each in zip(images, verdicts, strict=True) if each[1].allowed]
    if len(fitting) == 1:
        image, verdict = fitting[0]
        return Step(device, image, warnings=verdict.warnings)
    if fitting:
        found = hashes([image for image, _ in fitting])
        return Step(device, why=f"Several images fit: {found}. Say which by its SHA-256.")
    return Step(device, why=" ".join(verdicts[0].reasons))


def _candidate(device: Json) -> Candidate:
    ota, firmware = device.get("ota") or {}, device.get("firmware") or {}
    way = ota.get("way")
    return Candidate(
        device_id=bare(device),
        # A way that a newer server has and we do not know: it will judge.
        way=Way(way) if way in set(Way) else Way.MQTT,
        implementation=_text(device, "implementation").lower(),
        ota_enabled=ota.get("enabled"),
        fw_name=_text(firmware, "name"),
        fw_version=_text(firmware, "version"),
        md5=_text(firmware, "md5"),
    )


def _firmware(image: Json) -> Firmware:
    flash = image.get("flash") or {}
    name, version = _text(image, "name"), _text(image, "version")
    return Firmware(
        sha256=_text(image, "sha256"),
        md5=_text(image, "md5"),
        name=name,
        version=version,
        filename=f"{name}-{version}.bin",
        size=image.get("size") or 0,
        chip=_text(image, "chip"),
        flash_size=flash.get("size") or 0,
        warnings=tuple(image.get("warnings") or ()),
    )


def _text(value: Json, name: str) -> str:
    found: Any = value.get(name)
    return found if isinstance(found, str) else ""
