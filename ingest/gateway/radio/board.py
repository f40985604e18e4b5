"""How every band and adapter stands at one moment: what `adhere gateway top` shows of the radio."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.station import Station
from ingest.gateway.tally import Tally


class BandSeen(NamedTuple):
    """One registered band: how it is heard, and nothing of what it says."""

    device_key: str
    family: str | None
    way: str
    """`linked`, `advert`, `waiting` (in reach, no link free), `silent`, or `unheard` since the
    start."""
    rssi_dbm: int | None
    """Of its newest advert, by the adapter that hears it best."""
    heard_ago_s: float | None


class AdapterSeen(NamedTuple):
    """One adapter of the settings."""

    address: str
    state: str
    """`scanning`, or why not."""
    links: int
    budget: int


class Board(NamedTuple):
    """Both."""

    bands: Sequence[BandSeen]
    adapters: Sequence[AdapterSeen]


def board(
    bands: Iterable[Band],
    stations: Collection[Station],
    budget: int,
    state: Callable[[Station], str],
    silent_after_s: float,
) -> Board:
    """Return how things stand now; `budget` is the links one adapter may hold."""
    now_s = time.monotonic()
    return Board(
        [_seen(band, now_s, silent_after_s) for band in bands],
        [
            AdapterSeen(station.address, state(station), len(station.held), budget)
            for station in stations
        ],
    )


def _seen(band: Band, now_s: float, silent_after_s: float) -> BandSeen:
    strengths = [sighting.rssi_dbm for sighting in band.sightings.values()]
    ago_s = now_s - band.heard_mono_s
    family = band.family or band.link_family
    return BandSeen(
        band.key,
        None if family is None else family.key,
        _way(band, ago_s, silent_after_s),
        max(strengths, default=None),
        None if ago_s == float("inf") else round(ago_s, 1),
    )


def _way(band: Band, ago_s: float, silent_after_s: float) -> str:
    if band.is_linked:
        return "linked"
    if ago_s <= silent_after_s:
        return "advert"
    if band.waiting_since_mono_s is not None:
        return "waiting"
    return "unheard" if ago_s == float("inf") else "silent"


def nothing() -> Board:
    """Return the board of a gateway without a radio."""
    return Board((), ())


def shown(board: Board, tally: Tally, claimed: Collection[str] = ()) -> Mapping[str, object]:
    """Return bands and adapters as what JSON writes, with how much each band has said of late.

    `claimed` are the bands that are known by their wearers' claims, not by the roster.
    """
    tally.keep([band.device_key for band in board.bands])
    return {
        "bands": [
            {
                **band._asdict(),
                **tally.of(band.device_key),
                "claimed": band.device_key in claimed,
            }
            for band in board.bands
        ],
        "adapters": [adapter._asdict() for adapter in board.adapters],
    }
