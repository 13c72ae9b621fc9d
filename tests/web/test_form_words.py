"""The word of our forms: another one on every page, all of them good, and nothing else is."""

from __future__ import annotations

import pytest

from web.world import BROWSER, World, form_word


def test_a_packed_page_tells_nothing_by_its_size_for_the_word_is_never_the_same(world: World) -> None:
    client = world.client(headers=BROWSER)
    first, second = (form_word(client.get("/firmware")) for _ in range(2))
    assert first != second
    pk = world.device("hall")
    for word in (first, second):
        attempt = world.order(pk, world.firmware(), offered=False)
        fields = {"action": "cancel", "word": word}
        assert client.post(f"/deployment/{attempt.id}", data=fields).status_code == 303


@pytest.mark.parametrize("word", ["", "00", "zz", "0" * 80, "0" * 40, "é" * 80, "~form~word~"])
def test_what_is_no_word_of_ours_is_refused(world: World, word: str) -> None:
    client = world.client(headers=BROWSER)
    client.get("/firmware")
    attempt = world.order(world.device("hall"), world.firmware(), offered=False)
    assert (
        client.post(f"/deployment/{attempt.id}", data={"action": "cancel", "word": word}).status_code == 403
    )
