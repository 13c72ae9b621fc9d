"""Which devices an update is about, and what will happen to a single one: the server is asked.

Rule: nothing is sent here, and nothing is judged here: there is one place for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from homie_ota.cli.devices import key
from homie_ota.cli.firmware import hashes
from homie_ota.errors import NotFound

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]

_RUNS_IT = "runs-it"
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
    query = words_to_query(word)
    if not list(api.devices(query, limit=1)):
        raise NotFound(f"No device fits {word!r}. Look at the list with `homie-ota devices`.")
    return query if query.startswith("id:") else f"({query})"


def is_several(word: str) -> bool:
    """True when a target is a glob or a query rather than one device's id."""
    return "*" in word or word.startswith("-") or not _QUERY_SIGNS.isdisjoint(word)


def words_to_query(word: str) -> str:
    """A glob of ids or a query, as the query that it means."""
    return word if word.startswith("-") or not _QUERY_SIGNS.isdisjoint(word) else f"id:{word}"


def judge(api: Api, device: Json, images: Sequence[Json], override: str = "") -> Step:
    """What will happen to a device when one of `images` (of one name and version) is wanted for it."""
    answers = [
        (image, _answer(api.fits(image["sha256"], device=key(device), override=override))) for image in images
    ]
    running = next((answer for _, answer in answers if answer.get("code") == _RUNS_IT), None)
    if running is not None:
        return Step(device, why=_told(running, "refuses"), runs_it=True)
    fitting = [each for each in answers if each[1].get("verdict") != "no"]
    if len(fitting) == 1:
        image, answer = fitting[0]
        return Step(device, image, warnings=_texts(answer, "warns"))
    if fitting:
        found = hashes([image for image, _ in fitting])
        return Step(device, why=f"Several images fit: {found}. Say which by its SHA-256.")
    return Step(device, why=_told(answers[0][1], "refuses"))


def _answer(found: Json) -> Json:
    """What is said of the one device that was asked about."""
    return next(iter(found["devices"]), {})


def _texts(answer: Json, weight: str) -> tuple[str, ...]:
    return tuple(
        str(each.get("text")) for each in answer.get("reasons") or () if each.get("weight") == weight
    )


def _told(answer: Json, weight: str) -> str:
    return " ".join(_texts(answer, weight))
