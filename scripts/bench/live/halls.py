"""The halls at work: live batches in time, a backlog beside them as the contract lets a gateway.

One connection speaks for all of them. What has no receipt after a while is sent again, as a gateway
would; a hall has at most two batches of its backlog under way.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from paho.mqtt.enums import CallbackAPIVersion

from ingest.batch.receipt import open_receipt
from ingest.batch.topics import backlog_topic, live_topic
from ingest.broker import LOOPBACK
from scripts.bench.chaos.brokers import Killable
from scripts.bench.live.said import S, Sealed, Spool
from scripts.bench.live.town import CENTRE, Hall

IN_FLIGHT = 2
AGAIN_S = 30.0
LOOK_S = 0.5


@dataclass
class HallAtWork:
    """What one hall has sent and waits for."""

    hall: Hall
    live: Spool
    hot: dict[int, int] = field(default_factory=dict)
    backlog: deque[Sealed] = field(default_factory=deque)
    waiting: dict[bytes, tuple[Sealed, str, float]] = field(default_factory=dict)
    """By name: the batch, its topic, when it was last sent."""
    backlog_under_way: set[bytes] = field(default_factory=set)


class Halls:
    """All halls over one connection; a context manager."""

    def __init__(
        self,
        halls: Sequence[Hall],
        broker: Killable,
        hub_key: Ed25519PublicKey,
        seal_after_s: float,
        *,
        again_s: float = AGAIN_S,
        receipted: Callable[[Sequence[Sealed]], None] = lambda _batches: None,
    ) -> None:
        """Prepare; `receipted` is told what a receipt names, each batch the first time only.

        What has no receipt after `again_s` is sent again.
        """
        self.at_work = {hall.gateway: HallAtWork(hall, Spool(hall)) for hall in halls}
        self.live_readings = self.backlog_readings = self.sent_again = 0
        self._broker, self._hub_key, self._seal_after_s = broker, hub_key, seal_after_s
        self._again_s, self._tell = again_s, receipted
        self._loop = asyncio.get_running_loop()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        self._client.on_connect = self._connected
        self._client.on_message = self._received
        self._subscribed = asyncio.Event()
        self._has_begun = False
        self._client.on_subscribe = self._hears
        self._client.reconnect_delay_set(1, 1)

    async def __aenter__(self) -> Self:
        """Connect; return when receipts are heard."""
        await asyncio.to_thread(self._client.connect, LOOPBACK, self._broker.port)
        self._client.loop_start()
        await self._subscribed.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await asyncio.to_thread(self._client.disconnect)
        await asyncio.to_thread(self._client.loop_stop)

    async def live(self, stop: asyncio.Event) -> None:
        """Let every hall send what its bands say until told to stop, and wait for its receipts."""
        count, over = len(self.at_work), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_again(over))
            halls = [
                group.create_task(self._hall_live(one, number / count * self._seal_after_s, stop))
                for number, one in enumerate(self.at_work.values())
            ]
            await asyncio.wait(halls)
            over.set()

    async def _hall_live(self, one: HallAtWork, delay_s: float, stop: asyncio.Event) -> None:
        await asyncio.sleep(delay_s)
        begin_s, heard_ms = time.monotonic(), time.time_ns() // 10**6
        for turn in range(1, 10**9):
            await asyncio.sleep(max(0.0, begin_s + turn * self._seal_after_s - time.monotonic()))
            now_ms = time.time_ns() // 10**6
            batch = one.live.sealed(heard_ms, now_ms, now_ms, one.hot)
            heard_ms = now_ms
            if batch is not None:
                self.live_readings += batch.readings
                self._send(one, batch, live_topic(CENTRE, one.hall.gateway))
            if stop.is_set():
                return

    def begin_backlog(self) -> None:
        """Let every hall send its backlog from now on."""
        self._has_begun = True
        for one in self.at_work.values():
            self._more_backlog(one)

    def offer(self, one: HallAtWork, batch: Sealed) -> None:
        """Let a hall send one more batch of its backlog."""
        one.backlog.append(batch)
        if self._has_begun:
            self._more_backlog(one)

    def is_backlog_stored(self) -> bool:
        """Say whether there is a receipt for all of it."""
        return not any(one.backlog or one.backlog_under_way for one in self.at_work.values())

    def unreceipted(self) -> int:
        """Count the batches that wait for a receipt."""
        return sum(len(one.waiting) for one in self.at_work.values())

    def _more_backlog(self, one: HallAtWork) -> None:
        while one.backlog and len(one.backlog_under_way) < IN_FLIGHT:
            batch = one.backlog.popleft()
            one.backlog_under_way.add(batch.name)
            self.backlog_readings += batch.readings
            self._send(one, batch, backlog_topic(CENTRE, one.hall.gateway))

    def _send(self, one: HallAtWork, batch: Sealed, topic: str) -> None:
        one.waiting[batch.name] = (batch, topic, time.monotonic())
        self._client.publish(topic, batch.payload, qos=1)

    async def _send_again(self, over: asyncio.Event) -> None:
        while not over.is_set() or self.unreceipted():
            await asyncio.sleep(min(LOOK_S, self._again_s / 2))
            long_ago = time.monotonic() - self._again_s
            for one in self.at_work.values():
                for batch, topic, sent in tuple(one.waiting.values()):
                    if sent < long_ago:
                        self.sent_again += 1
                        self._send(one, batch, topic)

    def _connected(self, client: mqtt.Client, *_: Any) -> None:  # noqa: ANN401 - the library's signature
        client.subscribe(f"adhere/v1/{CENTRE}/+/receipt", 1)

    def _hears(self, *_: Any) -> None:  # noqa: ANN401 - as above
        self._loop.call_soon_threadsafe(self._subscribed.set)

    def _received(self, _client: mqtt.Client, _data: Any, came: mqtt.MQTTMessage) -> None:  # noqa: ANN401 - as above
        receipt = open_receipt(bytes(came.payload), self._hub_key)
        names = [name for _seq, name in receipt.committed]
        self._loop.call_soon_threadsafe(self._receipted, receipt.gateway, names)

    def _receipted(self, gateway: str, names: Sequence[bytes]) -> None:
        one = self.at_work[gateway]
        told = [one.waiting.pop(name)[0] for name in names if name in one.waiting]
        one.backlog_under_way.difference_update(names)
        if told:
            self._tell(told)
        if self._has_begun:
            self._more_backlog(one)


def seal_backlog(hall: Hall, readings: int, a_batch: int, end_ms: int) -> deque[Sealed]:
    """Return a hall's history of so many readings that ended at `end_ms`, sealed, oldest first."""
    spool, bands = Spool(hall), len(hall.bands)
    seconds, step = -(-readings // bands), max(1, a_batch // bands)
    begin_ms = end_ms // S * S - seconds * S
    made: deque[Sealed] = deque()
    for second in range(0, seconds, step):
        until = min(seconds, second + step)
        batch = spool.sealed(begin_ms + second * S, begin_ms + until * S, end_ms, {})
        if batch is not None:
            made.append(batch)
    return made
