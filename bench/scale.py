"""How much each benchmark does: as the targets are written, or so little that a test can run it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one run; `repetitions` is what medians are made of."""

    repetitions: int = 5
    devices: int = 10_000
    slow_devices: int = 10_000
    live_devices: int = 10_000
    live_rounds: int = 8
    announces: int = 200
    image_bytes: int = 600_000
    large_image_bytes: int = 4_000_000
    inspecting_seconds: float = 0.2
    fetches: int = 1_500
    connections: int = 8
    told: int = 200
    slow_readers: int = 1_000
    small_requests: int = 300
    pushes: int = 200
    fleets: tuple[int, ...] = (0, 1_000, 10_000)
    idle_seconds: float = 3.0
    quiet_seconds: float = 5.0
    rollouts: tuple[int, ...] = (1_000, 10_000, 100_000)
    day_devices: int = 10_000
    rollout_devices: int = 1_000
    rollout_parallel: int = 20
    rollout_bytes: int = 40_960
    sleepers: int = 10_000
    wakes: int = 200
    page_devices: int = 10_000
    page_requests: int = 40
    viewers: int = 200
    viewing_seconds: float = 20.0


FULL = Scale()
TINY = Scale(
    repetitions=1, devices=40, slow_devices=40, live_devices=20, live_rounds=2, announces=5, image_bytes=60_000,
    large_image_bytes=200_000, inspecting_seconds=0.01, fetches=20, connections=2, told=4, slow_readers=5,
    small_requests=10, pushes=4, fleets=(0, 10), idle_seconds=0.2, quiet_seconds=0.5,
    rollouts=(20, 200), day_devices=50, rollout_devices=8, rollout_parallel=4, sleepers=40, wakes=5,
    page_devices=120, page_requests=1, viewers=5, viewing_seconds=2.0,
)  # fmt: skip
