"""The live minute: the virtual radio, the cast's bands on it, and who watches the two pages."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from config.errors import Unavailable
from config.language import _
from devices.virtual.bands import VirtualBand
from devices.virtual.bands.band import HEART_RATE
from devices.virtual.bluez import VirtualBluez
from devices.virtual.cast import DOCTORS, Patient
from scripts.replay.process import OurProcess, started
from scripts.show.boxes import Box
from scripts.show.folder import ShowFolder
from scripts.show.wearing import Peak, band_of, passer_by, pulse_of
from storage.people import Prescription

PLANTED = "p09"
"""Who passes the ceiling."""
HIGH_S = 37.0
"""For so long: a run is sustained after 30 s, and is to end within the minute."""
SETTLE_S = 14.0
"""The peak begins so long after the minute does, where the minute is long enough."""
LEAST_S = 40.0
"""A minute this short still holds a sustained run."""
LOOK_S = 0.1
ALL_HEARD_S = 45.0
WORN_FOR_MS = 12 * 60_000
"""How long the bands have been worn when they come in: their memory is read too."""
DBUS = "DBUS_SYSTEM_BUS_ADDRESS"


@dataclass(frozen=True)
class Room:
    """Everybody in the two centres now."""

    radio: VirtualBluez
    bands: Mapping[str, VirtualBand]
    """By patient."""
    stranger: VirtualBand
    peak: Peak
    hall_of: Mapping[VirtualBand, str]
    """The adapter that each band is in reach of."""

    def come_in(self) -> None:
        """Let everybody enter, and a stranger pass by."""
        for band, adapter in self.hall_of.items():
            self.radio.add_band(band, adapters=[adapter])

    @property
    def adverts_sent(self) -> int:
        """Adverts so far of registered bands that need no link."""
        return sum(
            band.sent_adverts.total()
            for band in self.bands.values()
            if not band.sent_notifications and band.sent_values
        )

    @property
    def notifications_sent(self) -> int:
        """Notifications so far on open links."""
        return sum(band.sent_notifications.total() for band in self.bands.values())

    def unheard(self) -> list[str]:
        """Return who has said no pulse to a box yet."""
        return [code for code, band in self.bands.items() if not band.sent_values[HEART_RATE]]


@asynccontextmanager
async def room(
    boxes: Sequence[Box],
    patients: Sequence[Patient],
    plans: Mapping[str, Prescription],
    *,
    utc_offset_min: int,
) -> AsyncIterator[Room]:
    """Prepare the bands of who comes to the two halls, one adapter of the virtual radio each."""
    adapter_of = {box.centre: box.adapter for box in boxes}
    centre_of = {doctor.code: doctor.place for doctor in DOCTORS}
    worn_since = now_ms() - WORN_FOR_MS
    peak = Peak()
    async with VirtualBluez([box.adapter for box in boxes]) as radio:
        bands, hall_of = {}, {}
        for number, patient in enumerate(patients):
            if not patient.in_the_centre_now:
                continue
            band = band_of(
                patient,
                pulse_of(plans[patient.code], number, peak if patient.code == PLANTED else None),
                utc_offset_min=utc_offset_min,
                worn_since_utc_ms=worn_since,
            )
            hall_of[band] = adapter_of[centre_of[patient.doctor]]
            bands[patient.code] = band
        stranger = passer_by()
        hall_of[stranger] = boxes[0].adapter
        yield Room(radio, bands, stranger, peak, hall_of)


@asynccontextmanager
async def listening(
    folder: ShowFolder, boxes: Sequence[Box], room: Room, secrets: Mapping[str, str]
) -> AsyncIterator[tuple[OurProcess, ...]]:
    """Run `adhere gateway run` for both boxes, their radio the virtual one."""
    async with AsyncExitStack() as running:
        yield tuple(
            [
                await running.enter_async_context(
                    started(
                        ["gateway", "run", "--settings", str(box.settings_path)],
                        name=_("the gateway of %(centre)s") % {"centre": box.centre},
                        ready="bands_registered",
                        log_path=folder.log(f"gateway-{box.centre}"),
                        environ={**secrets, DBUS: room.radio.address},
                    )
                )
                for box in boxes
            ]
        )


async def until(
    condition: Callable[[], bool], *, within_s: float, otherwise: Callable[[], str]
) -> None:
    """Wait until the condition holds; raise Unavailable with words when it does not in time."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise Unavailable(otherwise())
        await asyncio.sleep(LOOK_S)


async def all_heard(room: Room) -> None:
    """Wait until every band has said its pulse to a box."""
    await until(
        lambda: not room.unheard(),
        within_s=ALL_HEARD_S,
        otherwise=lambda: (
            _("the boxes do not hear these bands: %(bands)s") % {"bands": ", ".join(room.unheard())}
        ),
    )


def plan_peak(peak: Peak, live_s: float) -> None:
    """Let the pulse rise so that it is down again when the time is over."""
    begins_in = min(SETTLE_S, live_s - HIGH_S - 1)
    peak.from_ms = now_ms() + round(1000 * max(begins_in, 1))
    peak.until_ms = peak.from_ms + round(1000 * HIGH_S)


@dataclass
class Seen:
    """When something was first on a page, by the wall clock; None: never."""

    at_ms: int | None = None
    looks: int = 0
    last_fault: str | None = None
    """Of a look that failed; the last one."""


async def watch_page(look: Callable[[], bool], seen: Seen) -> None:
    """Look at a page again and again until it shows what is waited for; note when."""
    while seen.at_ms is None:
        try:
            shown = await asyncio.to_thread(look)
        except Unavailable as error:  # it may be busy for a moment; at the end it counts as unseen
            seen.last_fault, shown = str(error), False
        seen.looks += 1
        if shown:
            seen.at_ms = now_ms()
        else:
            await asyncio.sleep(LOOK_S)


def radio_counts(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a box's status says of its radio."""
    counts: Mapping[str, Any] = status.get("radio") or {}
    return counts


def now_ms() -> int:
    """Return the wall clock in UTC milliseconds."""
    return time.time_ns() // 10**6
