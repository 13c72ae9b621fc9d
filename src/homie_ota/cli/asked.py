"""What every command is told beside its own options: which server, who asks, and whether the answer is JSON.

Rule: an option behind the command's name wins over one before it, and both over the environment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typer import Context

if TYPE_CHECKING:
    from homie_ota.client import Api


@dataclass
class Asked:
    """The options that stand before or behind a command's name."""

    server: str = ""
    token: str = ""
    json: bool = False

    def with_environment(self) -> Asked:
        """The same, with what the environment says where nothing else does."""
        return Asked(
            self.server or os.environ.get("HOMIE_OTA_SERVER", ""),
            self.token or os.environ.get("HOMIE_OTA_TOKEN", ""),
            self.json,
        )

    def api(self) -> Api:
        """The server that is asked."""
        from homie_ota.client import Api

        return Api(self.server, self.token)


def asked(ctx: Context) -> Asked:
    """What the command of this context was told."""
    found = ctx.obj
    return (found if isinstance(found, Asked) else Asked()).with_environment()
