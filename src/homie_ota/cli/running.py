"""What `serve` and `demo` come to when their options are read: the service runs, until it is stopped.

Rule: nothing of the command line is known here, so that it need not stay in memory for years.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homie_ota.config import Settings


def serve(settings: Settings, embedded: str | None) -> int:
    """Run the server; its exit status."""
    from homie_ota import service

    return service.serve(settings, embedded=embedded)


def demo(devices: int, port: int, data: Path | None) -> int:
    """Run everything here; its exit status."""
    from homie_ota import service

    return service.demo(devices, port, data)
