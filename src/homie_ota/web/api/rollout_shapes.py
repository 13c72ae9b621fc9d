"""What the API says and takes about rollouts, as JSON."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shape(BaseModel):
    """An object of the API: what is not named is refused."""

    model_config = ConfigDict(extra="forbid")
