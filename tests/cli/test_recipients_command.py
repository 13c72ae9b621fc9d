"""`recipients`: who elsewhere is told what happens, and a test that ends with what came of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from cli.conftest import Run
from homie_ota.cli import recipients as command
from homie_ota.config.announcing import AnnounceSettings
from homie_ota.store import recipients
from homie_ota.store.recipients import Recipient
from webserver import WebServer


@contextmanager
def told(server: WebServer, **outcome: object) -> Iterator[None]:
    """Somebody is told, with this outcome as soon as there is an event; as the part of the server does that tells."""
    shell = server.shell
    announce = AnnounceSettings(notify=["ntfy://s3cret"])  # type: ignore[arg-type]
    before, shell.settings = shell.settings, shell.settings.model_copy(update={"announce": announce})
    row = Recipient(announce.recipients[0].name, 0)._replace(**outcome)  # type: ignore[arg-type]
    server.database.write_now(partial(recipients.save, known=Recipient(row.name, 0)))
    ends = threading.Event()

    def work() -> None:
        while not ends.wait(0.3):
            server.database.write_now(partial(recipients.save, known=row))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()
        shell.settings = before


def test_without_settings_nobody_is_told_and_a_test_is_refused(run: Run, server: WebServer) -> None:
    status, out, _ = run("recipients")
    assert (status, "Nobody is told" in out) == (0, True)
    status, _, said = run("recipients", "--test")
    assert (status, "nobody to tell" in said) == (4, True)


def test_a_test_that_arrives_is_a_success(run: Run, server: WebServer) -> None:
    with told(server, reached=99, last_ok=time.time()):
        status, out, _ = run("recipients", "--test")
        assert (status, "Notification 1 (ntfy)" in out, "well" in out) == (0, True, True)
        assert "s3cret" not in out
        listed = json.loads(run("recipients", "--json")[1])
        assert [each["state"] for each in listed] == ["well"]


def test_a_test_that_fails_is_told_with_its_reason_and_exits_1(run: Run, server: WebServer) -> None:
    with told(server, failing_since=time.time(), last_error="It answered 404.", tries=1):
        status, out, _ = run("recipients", "--test")
        assert (status, "It answered 404." in out) == (1, True)


def test_a_test_is_not_waited_for_without_an_end(
    run: Run, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PATIENCE", 0.1)
    with told(server, reached=0):
        status, out, _ = run("recipients", "--test")
        assert (status, "new" in out) == (1, True)
