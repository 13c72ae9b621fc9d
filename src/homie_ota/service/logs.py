"""Where the log goes and how a line looks."""

from __future__ import annotations

import logging
from logging.handlers import WatchedFileHandler

from homie_ota.config.sections import LogSettings
from homie_ota.errors import WrongUse

LINE = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


class _OneLine(logging.Formatter):
    """Names from devices and files end up in messages: no control character of theirs may forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if record.exc_info or text.isprintable():
            return text
        return "".join(each if each.isprintable() else " " for each in text)


def start(settings: LogSettings) -> None:
    """Log to the file of the settings, else to standard error; raises WrongUse when the file cannot be written."""
    try:
        # A file that logrotate moved away is opened again by itself.
        handler = WatchedFileHandler(settings.file) if settings.file else logging.StreamHandler()
    except OSError as error:
        raise WrongUse(
            f"The log file {settings.file} cannot be written: {error.strerror}. Choose another one in [log] file."
        ) from None
    handler.setFormatter(_OneLine(LINE))
    logging.basicConfig(level=settings.level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # where it listens is said in our own words
