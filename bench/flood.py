"""A publisher as a process of its own: `python -m bench.flood` with `port`, `devices`, `rounds` as JSON.

It makes its packets, says so, waits for a line, publishes as fast as the broker takes it, and says when it began.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from bench import wire
from bench.traffic import BASE, device_id

A_ROUND = 4
"""Messages of one device in one round: a value, two statistics, the value again."""


def messages(devices: int, rounds: int) -> Iterator[tuple[str, bytes]]:
    """What devices say while they live: half of it values, half statistics; the round is in every text."""
    for number in range(1, rounds + 1):
        for n in range(devices):
            topic = f"{BASE}{device_id(n)}"
            yield f"{topic}/relay/power", f"{number}.5".encode()
            yield f"{topic}/$stats/signal", f"{(number + n) % 100}".encode()
            yield f"{topic}/$stats/uptime", f"{10_000_000 + number}".encode()
            yield f"{topic}/relay/power", f"{number}.25".encode()


def main(argument: str) -> int:
    """Publish once."""
    about = json.loads(argument)
    count = about["devices"] * about["rounds"] * A_ROUND
    packets = wire.publishes(messages(about["devices"], about["rounds"]))
    with wire.dial("127.0.0.1", about["port"], "bench-flood") as sock:
        print(json.dumps({"messages": count}), flush=True)
        sys.stdin.readline()
        began = time.monotonic()
        wire.pour(sock, packets, count)
        print(json.dumps({"began": began, "ended": time.monotonic()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
