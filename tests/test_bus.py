"""The bus wakes who listens, and never waits for one who does not."""

from __future__ import annotations

from homie_ota.bus import QUEUE, Bus, Notice


async def test_a_listener_hears_what_is_said_while_it_listens() -> None:
    bus = Bus()
    bus.say("device", device_pk=1)
    with bus.listen() as listener:
        bus.say("device", device_pk=2)
        assert await listener.wait(1) == [Notice("device", {"device_pk": 2})]
        assert await listener.wait(0.01) == []
    bus.say("device", device_pk=3)


async def test_a_slow_listener_loses_the_oldest_and_is_told_so() -> None:
    bus = Bus()
    with bus.listen() as listener:
        for number in range(QUEUE + 5):
            bus.say("device", device_pk=number)
        notices = await listener.wait(1)
        assert len(notices) == QUEUE
        assert notices[-1].about == {"device_pk": QUEUE + 4}
        assert listener.missed
