"""`leftovers`: what the last look at the broker found, and that a look may have to wait."""

from __future__ import annotations

import pytest

from cli.conftest import Run
from homie_ota.cli import queue


def test_a_look_that_has_to_wait_for_transfers_is_said_to_wait(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "LOOKS", 0.0)
    status, out, said = run("leftovers", "--look")
    assert (status, "as soon as no transfer runs" in said) == (0, True)
    assert out == "At the last look nothing was kept on the broker that devices would act on.\n"
