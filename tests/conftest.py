"""What every test may ask for; the servers themselves are in servers.py.

`async def test_…` runs on asyncio without a mark of its own. Fixtures: `free_port`, `shared`, `mosquitto`,
`mosquitto_default`, `start_mosquitto`, `postgres`, `chromium`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from servers import Chromium, Mosquitto, PostgresCluster, find_program, unused_port

# No test is timed: what takes a while on a machine that is busy is no failure.
settings.register_profile("homie-ota", deadline=None)
settings.load_profile("homie-ota")

PROJECT = Path(__file__).parents[1]
#: The least a test needs from mosquitto: without it 1,000 queued messages are the limit and the rest is dropped.
ROOMY = ("max_queued_messages 1000000", "sys_interval 1")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def free_port() -> int:
    return unused_port()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded traffic and firmware beside the checkout; tests that need it skip without it."""
    path = Path(os.environ.get("HOMIE_OTA_SHARED", PROJECT.parent / "shared"))
    if not (path / "captures").is_dir():
        pytest.skip("no recorded traffic here: ../shared is absent (or set HOMIE_OTA_SHARED)")
    return path


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Start brokers: `start_mosquitto("line of configuration", …, port=…)`; all are stopped after the test."""
    find_program("mosquitto", package="mosquitto")
    started: list[Mosquitto] = []

    def start(*lines: str, port: int | None = None) -> Mosquitto:
        broker = Mosquitto(tmp_path / f"mosquitto-{len(started)}", lines, port or unused_port())
        started.append(broker)
        broker.start()
        return broker

    yield start
    for broker in started:
        broker.stop()


@pytest.fixture
def mosquitto(request: pytest.FixtureRequest, start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A real mosquitto with room for a million queued messages, or with the lines of `@pytest.mark.mosquitto`."""
    mark = request.node.get_closest_marker("mosquitto")
    return start_mosquitto(*(mark.args if mark else ROOMY))


@pytest.fixture
def mosquitto_default(start_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A mosquitto as a distribution ships it: only a listener, and anonymous clients let in."""
    return start_mosquitto()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    find_program("initdb", package="postgresql")
    cluster = PostgresCluster()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def postgres(postgres_cluster: PostgresCluster) -> str:
    """The SQLAlchemy address of a new, empty PostgreSQL database."""
    return postgres_cluster.new_database()


@pytest.fixture
def chromium(tmp_path: Path) -> Chromium:
    return Chromium(find_program("chromium", "chromium-browser", package="chromium"), tmp_path / "chromium")
