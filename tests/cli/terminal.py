"""Standard streams that are a terminal, for the tests of what is drawn and asked."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """What a person sees, and types."""

    def isatty(self) -> bool:
        """Yes."""
        return True
