"""Which secrets this server was given, so that images which hold one are warned of.

Rule: passwords always; a user's name only when it is long enough to be no common word, for `homie` is in every image.
"""

from __future__ import annotations

from homie_ota.broker import EmbeddedBroker
from homie_ota.config import Settings
from homie_ota.store.reading import Secrets

TELLING_NAME = 8
"""Characters from which on a user's name is looked for."""


def known_secrets(settings: Settings, own: EmbeddedBroker | None = None) -> Secrets:
    """What each is, for a sentence, and the secret; of the settings and of our own broker, where it runs."""
    mqtt, auth = settings.mqtt, settings.auth
    told = [("the broker's password", mqtt.password.get_secret_value()), ("the broker's user", mqtt.username)]
    if own is not None:
        told += [("the broker's password", own.password), ("the broker's user", own.username)]
    told += [("the password of this server's pages", auth.password.get_secret_value())]
    told += [("one of the words in [ota] secrets of the settings", word) for word in settings.ota.secrets]
    return [(what, text.encode()) for what, text in told if _counts(what, text)]


def _counts(what: str, text: str) -> bool:
    return bool(text) and (not what.endswith("user") or len(text) >= TELLING_NAME)
