"""The radio as a source of readings, which the gateway runs like any other."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
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

RadioSource = Callable[[Mapping[str, str]], AsyncGenerator[Heard]]


def radio_source(
    settings: RadioSettings,
    registered: Callable[[], Mapping[str, str | None]],
    on_heard: Callable[[Sequence[Reading]], None],
    counters: RadioCounters,
    pace: Pace | None = None,
) -> RadioSource:
    """Return a source that hears the registered bands until it is closed.

    `registered` gives address and family key (or None) of each band, and is asked again and again.
    `on_heard` is called with the readings of now in the moment of hearing, before any queue: what
    must be noticed at once is noticed though the disk be full.
    """
    pace = pace or Pace()

    async def source(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        basket = Basket(counters)
        radio = Radio(
            settings,
            registered=registered,
            on_heard=on_heard,
            counters=counters,
            basket=basket,
            cursor=cursor,
            pace=pace,
        )
        running = asyncio.ensure_future(radio.run())
        _cancel_with(running, asyncio.current_task())
        try:
            while True:
                await asyncio.sleep(pace.flush_s)
                for heard in basket.empty():
                    yield heard
        except asyncio.CancelledError:
            # To be stopped is no reason to lose what was heard since the last flush.
            radio.close()
            for heard in basket.empty():
                yield heard
            raise
        finally:
            radio.close()
            await ended(running)
            if lost := sum(len(heard.readings) for heard in basket.empty()):
                log.error("heard_not_stored", readings=lost)
            if not running.cancelled():
                running.result()

    return source


def _cancel_with(running: asyncio.Future[None], reader: asyncio.Task[Any] | None) -> None:
    """End who reads the source when the radio fails, even while he waits for a full disk."""

    def failed(ended: asyncio.Future[None]) -> None:
        if not ended.cancelled() and ended.exception() is not None and reader is not None:
            reader.cancel()

    running.add_done_callback(failed)
