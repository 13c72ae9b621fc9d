"""Words that let one device fetch one image over HTTP for a while.

Rule: the word is all that the device has to show, so it is long, random and soon over.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment
from homie_ota.store import deployments
from homie_ota.store.database import upsert
from homie_ota.store.tables import ota_token


def make(connection: Connection, of: Deployment, *, now: float, lifetime: float) -> str:
    """A word that opens the image of this deployment for `lifetime` seconds."""
    word = secrets.token_urlsafe(24)
    row = {"token": word, "device_pk": of.device_pk, "sha256": of.sha256, "deployment_id": of.id}
    connection.execute(ota_token.delete().where(ota_token.c.until < now))
    upsert(connection, ota_token, [{**row, "until": now + lifetime}], ["token"], ["until"])
    return word


def find(connection: Connection, word: str, *, now: float) -> Deployment | None:
    """The deployment whose image this word opens, None when there is none or its time is over."""
    query = sa.select(ota_token.c.deployment_id).where(ota_token.c.token == word, ota_token.c.until >= now)
    number = connection.execute(query).scalar()
    return deployments.get(connection, number) if number is not None else None
