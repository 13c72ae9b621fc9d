"""The same for one device or for many: what a glob or a query finds is done one by one, and each is told.

Rule: one device is answered as itself, several as a list; who refuses does not stop the others, and makes the status.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from homie_ota.cli import show
from homie_ota.cli.asked import Asked
from homie_ota.cli.devices import key
from homie_ota.cli.plan import is_several, words_to_query
from homie_ota.errors import HomieOtaError, NotFound

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]


def devices_of(api: Api, word: str) -> list[str]:
    """The devices that an id, a glob of ids or a query means, as the API names them; NotFound where it is none."""
    if not is_several(word):
        return [word]
    found = [key(each) for each in api.devices(words_to_query(word), sort="id")]
    if not found:
        raise NotFound(f"No device fits {word!r}. Look at the list with `homie-ota devices`.")
    return found


def each(order: Asked, word: str, act: Callable[[Api, str], Json], told: Callable[[Json], str]) -> int:
    """Do it with each device, and tell what `told` says of the answer; the status of who refused last."""
    api = order.api()
    devices = devices_of(api, word)
    if not is_several(word):
        done = act(api, devices[0])
        show.as_json(done) if order.json else show.line(told(done))
        return 0
    status, answers = 0, []
    for device in devices:
        try:
            answers.append(act(api, device))
        except HomieOtaError as error:
            status = error.exit_status
            show.say(f"{device.rpartition('~')[2]}: {error}")
            continue
        if not order.json:
            show.line(told(answers[-1]))
    if order.json:
        show.as_json(answers)
    return status
