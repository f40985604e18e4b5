"""One link to one band, from connecting to leaving."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from bleak.backends.device import BLEDevice

from config.errors import Rejected
from devices.band_clock import SUSPECT_MS
from devices.family import Family
from devices.registry import family_of_link
from devices.talk import Read, Talk, TalkTerms, Write
from devices.value import Value
from devices.vibration import SilentTalk
from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.border import RadioFault
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.memory import Memory
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.shaking import Shaking
from ingest.gateway.radio.wire import Wire

log = structlog.get_logger()

LOOK_S = 5.0
"""A wall clock that is set must not make a talk wait for hours."""


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What all links share."""

    intake: Intake
    memory: Memory
    counters: RadioCounters
    pace: Pace
    silent_after_s: float
    time_zone: ZoneInfo
    """Of the bands' own clocks."""
    fail: Callable[[Exception], None]
    """Ends the radio with what a callback raised."""


class Link:
    """A connection and the talk over it: `connect`, then `held` until it ends, then `leave`."""

    def __init__(self, band: Band, device: BLEDevice, hci: str, parts: LinkParts) -> None:
        """Take the band, what bleak found it by, and the adapter's name of the day."""
        self._band, self._parts = band, parts
        self._heard_mono_s = time.monotonic()
        self.frames = 0
        self._family: Family | None = None
        self._clock_is_said = False
        self._wire = Wire(device, hci, parts.pace, on_lost=band.woken.set)
        self._shaking = Shaking(band, parts.counters, parts.pace, self._wire.write)

    async def connect(self) -> None:
        """Connect and discover the services; raise RadioFault where that does not come about."""
        await self._wire.connect()

    async def held(self) -> str:
        """Talk until the link ends; return the reason, raise RadioFault for a fault."""
        memory = self._parts.memory
        terms = TalkTerms(
            self._utc_offset_min(),
            memory.since_utc_ms(self._band),
            newest_stamp_ms=memory.newest_stamp_ms(self._band),
        )
        talk = self._talk(self._band.link_family, terms)
        try:
            reason = await self._talking(talk)
        finally:
            if self._band.is_registered:
                self._take(talk, talk.held_back(_now_utc_ms()))
            self._say_clock(talk)
        if reason != "lost":
            await self._write(talk, talk.farewell())
        return reason

    async def _talking(self, talk: Talk) -> str:
        """Let them talk until there is a reason to end it."""
        await self._shake()
        await self._subscribe(talk)
        while True:
            self._band.woken.clear()
            await self._shake()
            await self._write(talk, talk.writes_at(_now_utc_ms()))
            self._parts.memory.reached(self._band, talk.read_through_utc_ms)
            self._note_read(talk)
            self._say_clock(talk)
            if (reason := self._ending(talk)) is not None:
                return reason
            # Only now: some bands hang up on who does not greet them first.
            await self._ask_name()
            await self._wait(talk)

    def _note_read(self, talk: Talk) -> None:
        """Note that the band has told what it had: its memory to the end, or what is true now."""
        has_memory = self._family is not None and self._family.has_memory
        is_read = bool(self.frames) and (
            talk.done or not has_memory or talk.read_through_utc_ms is not None
        )
        self._band.is_reading = has_memory and not is_read
        if is_read:
            self._band.read_mono_s = self._heard_mono_s

    def _say_clock(self, talk: Talk) -> None:
        """Count a clock that was wrong, once a link: what it stamped is marked."""
        ahead_ms = talk.clock_ahead_ms
        if not self._clock_is_said and ahead_ms is not None and abs(ahead_ms) > SUSPECT_MS:
            self._clock_is_said = True
            self._parts.counters.clocks_wrong += 1
            log.warning("band_clock_wrong", device=self._band.key, ahead_s=ahead_ms // 1000)

    async def leave(self) -> None:
        """Let go of the band; a Disconnect that is never answered does not hold us up."""
        try:
            await self._wire.let_go()
        except RadioFault as fault:
            self._parts.counters.disconnects_hung += fault.reason == "timeout"
            log.warning("disconnect_failed", device=self._band.key, why=fault.reason)

    def _utc_offset_min(self) -> int:
        offset = datetime.now(self._parts.time_zone).utcoffset()
        return 0 if offset is None else round(offset.total_seconds() / 60)

    def _talk(self, told: Family | None, terms: TalkTerms) -> Talk:
        """Begin the talk that fits the band: what it offers says more than its adverts did.

        A band whose adverts say all is linked to vibrate, and for nothing else.
        """
        self._wire.look()
        if told is None:
            self._family = self._band.family
            return SilentTalk()
        family = self._family = family_of_link(told, self._wire.services)
        if family is not told:
            log.info("other_family", device=self._band.key, told=told.key, found=family.key)
        if family.talk is None:
            raise RuntimeError("a link to a band that nobody can talk with")
        self._band.is_reading = family.has_memory
        return family.talk(terms)

    async def _shake(self) -> None:
        """Make the band vibrate where an alarm wants it, before anything else."""
        await self._shaking.look(self._family, self._wire.offered)

    async def _subscribe(self, talk: Talk) -> None:
        offered = self._wire.offered
        # Read first: of a characteristic that is subscribed BlueZ tells each read twice.
        for uuid in talk.reads:
            if uuid in offered:
                await self._read(talk, uuid)
        for place, uuid in enumerate(talk.notify):
            if uuid in offered:
                await self._wire.subscribe(uuid, self._listener(talk, uuid))
            elif place == 0:
                raise RadioFault("characteristic_missing")

    async def _ask_name(self) -> None:
        """Ask the band once, as long as the box runs, what it calls itself."""
        if self._band.own_name is not None:
            return
        name = await self._wire.own_name()
        if not self._wire.is_lost:
            self._band.own_name = name
            log.info("band_named", device=self._band.key, own_name=name)

    async def _read(self, talk: Talk, uuid: str) -> None:
        try:
            data = await self._wire.read(uuid)
        except RadioFault as fault:
            if self._wire.is_lost:
                raise
            self._parts.counters.reads_refused += 1
            log.info("read_refused", device=self._band.key, characteristic=uuid, why=fault.reason)
        else:
            self._heard(talk, uuid, data)

    async def _write(self, talk: Talk, writes: Iterable[Write | Read]) -> None:
        for write in writes:
            if not isinstance(write, Read):
                await self._wire.write([write])
            elif write.characteristic in self._wire.offered:
                await self._read(talk, write.characteristic)

    def _listener(self, talk: Talk, uuid: str) -> Callable[[bytes], None]:
        def heard(data: bytes) -> None:
            try:
                self._heard(talk, uuid, data)
            except Exception as error:  # noqa: BLE001 - dbus-fast would only log it
                self._parts.fail(error)

        return heard

    def _heard(self, talk: Talk, uuid: str, data: bytes) -> None:
        if not self._band.is_registered:
            return
        mono_s = self._heard_mono_s = time.monotonic()
        self.frames += 1
        self._parts.counters.notifications += 1
        was_due = talk.due_utc_ms
        try:
            values = talk.heard(uuid, data, _now_utc_ms())
        except Rejected as error:
            self._parts.counters.notifications_rejected += 1
            self._parts.intake.rejected(data, error.reason)
            values = []
        self._take(talk, values)
        self._band.was_heard(mono_s)
        remembers = any(value.device_ts_ms is not None for value in values)
        if talk.done or talk.due_utc_ms != was_due or remembers:
            self._band.woken.set()

    def _take(self, talk: Talk, values: Sequence[Value]) -> None:
        """Hand on what was heard: what is true now, and what the band remembered."""
        live = [value for value in values if value.device_ts_ms is None]
        if live:
            for value in live:
                self._band.said_by_link[value.quantity] = self._heard_mono_s
            self._parts.intake.live(self._band, live, self._heard_mono_s)
        if len(live) < len(values):
            remembered = [value for value in values if value.device_ts_ms is not None]
            if not self._parts.intake.history(self._band, remembered):
                self._parts.memory.missed(self._band)
            self._parts.memory.told(self._band, talk.newest_stamp_ms)

    def _ending(self, talk: Talk) -> str | None:
        """Return why the link is to end now, None while it goes on."""
        if self._wire.is_lost:
            return "lost"
        if self._shaking.is_on:
            return None
        if self._band.must_leave:
            return "gave_way" if self._band.is_registered else "unregistered"
        if talk.done:
            return "done"
        if time.monotonic() - self._heard_mono_s >= self._parts.silent_after_s:
            return "silent"
        return None

    async def _wait(self, talk: Talk) -> None:
        """Wait until something happens, a write is due, or the band may be silent."""
        until_s = [LOOK_S, self._heard_mono_s + self._parts.silent_after_s - time.monotonic()]
        if self._shaking.ends_in_s is not None:
            until_s = [LOOK_S, self._shaking.ends_in_s]
        if talk.due_utc_ms is not None:
            until_s.append((talk.due_utc_ms - _now_utc_ms()) / 1000)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(until_s))):
                await self._band.woken.wait()


def _now_utc_ms() -> int:
    return time.time_ns() // 10**6
