"""The radio as a source of readings, which the gateway runs like any other."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog

from config.gateway_settings import RadioSettings
from ingest.batch.reading import Reading
from ingest.gateway.heard import Heard
from ingest.gateway.radio.basket import Basket
from ingest.gateway.radio.border import ended
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.pace import Pace
from ingest.gateway.radio.radio import Radio

log = structlog.get_logger()

DeviceKeyOf = Callable[[str], str | None]
"""Given an address that is not registered, says whose private address it is, or None."""


class RadioSource:
    """Hears the registered bands until it is closed: called with a cursor, gives what is heard."""

    def __init__(
        self,
        settings: RadioSettings,
        registered: Callable[[], Mapping[str, str | None]],
        on_heard: Callable[[Sequence[Reading]], None],
        counters: RadioCounters,
        pace: Pace | None = None,
        *,
        device_key_of: DeviceKeyOf | None = None,
    ) -> None:
        """Take what is to be heard, and who must know of it.

        `registered` gives address and family key (or None) of each band, and is asked again and
        again. `on_heard` is called with the readings of now in the moment of hearing, before any
        queue: what must be noticed at once is noticed though the disk be full. `device_key_of` is
        asked for each address that is not registered: bands that hide theirs are known by a key.
        """
        self._counters, self._pace = counters, pace or Pace()
        self._radio: Radio | None = None
        self._make = partial(
            Radio,
            settings,
            registered=registered,
            on_heard=on_heard,
            counters=counters,
            pace=self._pace,
            device_key_of=device_key_of,
        )

    def vibrate(self, device_key: str) -> None:
        """Ask that a band vibrate as soon as may be: returns at once, at most once a minute a band.

        Before the radio runs, and after, nothing comes of it.
        """
        if self._radio is not None:
            self._radio.vibrate(device_key)

    async def __call__(self, cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        """Give what is heard; `cursor` says how far the memory of each band was read."""
        basket = Basket(self._counters)
        radio = self._radio = self._make(basket=basket, cursor=cursor)
        running = asyncio.ensure_future(radio.run())
        _cancel_with(running, asyncio.current_task())
        try:
            while True:
                await asyncio.sleep(self._pace.flush_s)
                for heard in basket.empty():
                    yield heard
        except asyncio.CancelledError:
            # To be stopped is no reason to lose what was heard since the last flush.
            radio.close()
            for heard in basket.empty():
                yield heard
            raise
        finally:
            self._radio = None
            radio.close()
            await ended(running)
            if lost := sum(len(heard.readings) for heard in basket.empty()):
                log.error("heard_not_stored", readings=lost)
            if not running.cancelled():
                running.result()


radio_source = RadioSource


def _cancel_with(running: asyncio.Future[None], reader: asyncio.Task[Any] | None) -> None:
    """End who reads the source when the radio fails, even while he waits for a full disk."""

    def failed(ended: asyncio.Future[None]) -> None:
        if not ended.cancelled() and ended.exception() is not None and reader is not None:
            reader.cancel()

    running.add_done_callback(failed)
