"""One MQTT connection, from CONNACK to its end.

Rule: nothing is ever sent twice. Sessions are clean, each connection is a new client, and what the library would keep
for sending again is not kept at all (`_Unrepeatable`): an image that was cut off is never repeated by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gmqtt
import gmqtt.mqtt.connection as library
from gmqtt.mqtt.constants import MQTTv311
from gmqtt.mqtt.protocol import MQTTProtocol
from gmqtt.storage import PersistentStorage

from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt.address import Broker
from homie_ota.mqtt.stream import OnMessage, read_ahead, take_the_short_way

# Its INFO and WARNING say what `lost` says, once a connection.
logging.getLogger("gmqtt").setLevel(logging.ERROR)


class _Protocol(MQTTProtocol):  # type: ignore[misc]
    """The library's protocol, for a broker that hangs up before the library has given it its connection."""

    _ended: tuple[Exception | None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is None:  # here the library fails, and nobody would hear that it is over
            self._ended = (exc,)
        else:
            super().connection_lost(exc)

    def set_connection(self, conn: Any) -> None:
        super().set_connection(conn)
        if self._ended is not None:  # not at once: the connection is not whole yet
            asyncio.get_running_loop().call_soon(super().connection_lost, *self._ended)


library.MQTTProtocol = _Protocol


class NotSent(Unreachable):
    """There was no connection: not one byte left us."""


class _Unrepeatable(PersistentStorage):  # type: ignore[misc]
    """Remembers who waits for a PUBACK and not one byte of what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: dict[int, asyncio.Future[None]] = {}
        self.unconfirmed: set[int] = set()
        self.last_mid = 0

    def push_message(self, mid: int, raw_package: bytes) -> None:  # noqa: ARG002 - not kept, by intent
        self.last_mid = mid
        self.unconfirmed.add(mid)

    def remove_message_by_mid(self, mid: int) -> None:
        self.unconfirmed.discard(mid)
        future = self.waiting.pop(mid, None)
        if future is not None and not future.done():
            future.set_result(None)

    def fail_all(self, reason: Exception) -> None:
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(reason)
        self.waiting.clear()


class _Client(gmqtt.Client):  # type: ignore[misc]
    """The library's client without its own way to come back.

    `reconnect_retries = 0` still lets it try once, with a session that is not clean, behind our back.
    """

    async def reconnect(self, delay: bool = False) -> None:  # noqa: ARG002 - the library's signature
        return


class Connection:
    """One connection, from CONNACK to its end; it never reconnects. Make it with `open`."""

    def __init__(self, client: _Client, storage: _Unrepeatable) -> None:
        self._client = client
        self._storage = storage
        self.lost = asyncio.Event()

    @classmethod
    async def open(
        cls,
        broker: Broker,
        *,
        client_id: str,
        on_message: OnMessage,
        will: Publish | None = None,
        keepalive: int = 60,
        patience: float = 10.0,
    ) -> Connection:
        """Connect with a clean session (MQTT 3.1.1, which every broker speaks).

        Raises Unreachable, with the broker's address and its answer, when there is no CONNACK that accepts us.
        """
        storage = _Unrepeatable()
        testament = gmqtt.Message(will.topic, will.payload, will.qos, will.retain) if will else None
        client = _Client(client_id, clean_session=True, will_message=testament, persistent_storage=storage)
        if broker.username:
            client.set_auth_credentials(broker.username, broker.password)
        connection = cls(client, storage)
        client.on_disconnect = connection._gone
        client.on_message = _unpacked(on_message)
        try:
            async with asyncio.timeout(patience):
                await client.connect(
                    broker.host,
                    broker.port,
                    ssl=broker.context() or False,
                    keepalive=keepalive,
                    version=MQTTv311,
                )
        except TimeoutError:
            connection.abort()
            raise Unreachable(f"The broker {broker} did not answer within {patience:g} s.") from None
        except Exception as error:  # noqa: BLE001 - the library raises OSError, its own errors and AttributeError
            connection.abort()
            why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
            raise Unreachable(f"The broker {broker} cannot be reached: {why}.") from None
        take_the_short_way(client, on_message)
        read_ahead(client)
        return connection

    def _gone(self, _client: Any, _packet: Any, _exc: Any = None) -> None:
        self._storage.fail_all(
            Unreachable("The connection to the broker was lost before it confirmed the message.")
        )
        self.lost.set()

    @property
    def confirmed(self) -> bool:
        """True when the broker has confirmed every QoS 1 message so far, and so has seen all that went before."""
        return not self._storage.unconfirmed

    def subscribe(self, filters: Iterable[str], qos: int = 0) -> None:
        """Subscribe, a hundred filters a packet; retained messages follow by themselves."""
        for some in _hundreds(filters):
            self._client.subscribe([gmqtt.Subscription(each, qos=qos) for each in some])
        # The library remembers them for its own reconnect, which we do not use, and searches them at each unsubscribe.
        self._client.subscriptions.clear()

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Forget these filters, a hundred a packet."""
        for some in _hundreds(filters):
            self._client.unsubscribe(some)

    def send(self, message: Publish) -> None:
        """Hand one message to the socket; raises NotSent when the connection is gone."""
        if self.lost.is_set() or not self._client.is_connected:
            raise NotSent("Not connected to the broker; nothing was sent.")
        self._client.publish(message.topic, message.payload, qos=message.qos, retain=message.retain)

    async def deliver(self, message: Publish) -> None:
        """Send one QoS 1 message and wait until the broker has it.

        Raises NotSent, or Unreachable when it will never be known whether the broker has it.
        """
        self.send(message)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._storage.waiting[self._storage.last_mid] = future
        if message.qos:
            await future

    async def close(self) -> None:
        """End with a DISCONNECT, so that no will is published; what was sent before it arrives."""
        inner = self._client._connection  # noqa: SLF001
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                # To close while a PUBACK is under way resets the connection, and the broker forgets what it had not
                # read yet: the last words, and the DISCONNECT with them. So the broker is the one to hang up.
                while not self.confirmed and not self.lost.is_set():  # noqa: ASYNC110 - the library has no event for it
                    await asyncio.sleep(0.002)
                inner.send_disconnect()
                await self.lost.wait()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1):
                await inner.close()
        self.lost.set()

    def abort(self) -> None:
        """Cut the TCP connection: the broker publishes the will."""
        # The library has no other way to cut a connection.
        inner = self._client._connection  # noqa: SLF001
        if inner is not None:
            inner._transport.abort()  # noqa: SLF001
        self.lost.set()


def _hundreds(filters: Iterable[str]) -> Iterator[list[str]]:
    wanted = list(filters)
    for start in range(0, len(wanted), 100):
        yield wanted[start : start + 100]


def _unpacked(on_message: OnMessage) -> Callable[..., None]:
    def call(_client: Any, topic: Any, payload: bytes, qos: int, properties: dict[str, Any]) -> None:
        if isinstance(topic, str):  # bytes: not UTF-8, so no topic of MQTT's
            on_message(topic, payload, qos, bool(properties["retain"]))

    return call
