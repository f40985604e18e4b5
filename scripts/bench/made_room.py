"""A room of virtual bands in a process of its own: `python -m scripts.bench.made_room ROOM`.

ROOM is JSON: the fields of `RoomPlan`. It prints the bus's address, then answers each line
of its standard input with one of JSON: "count" with what was said so far, "end FILE" by letting no
band speak any more and writing the whole book to the file. Its end is that of its standard input.
"""

import asyncio
import itertools
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from devices.virtual.bands import (
    VirtualBand,
    heart_rate_strap,
    mi_advert,
    polar_advert,
    xoss_advert,
)
from devices.virtual.bands.band import BATTERY, HEART_RATE, Advert, Pulse
from devices.virtual.bands.uuids import BATTERY_LEVEL
from devices.virtual.bluez import VirtualBluez

STEP_EVERY_MS = 700
LOWEST_BPM, PULSES = 60, 100


@dataclass(frozen=True)
class RoomPlan:
    """How many bands of which kind are in the room, and how many adapters hear them."""

    adverts: int
    """Bands that say everything on the air, of three makes in turn."""
    linked: int
    """Straps that say their pulse over a link."""
    adapters: int
    heard_by: int = 1
    """Each band is in reach of so many of them."""

    @property
    def adapter_addresses(self) -> list[str]:
        """The adapters' addresses, in the order of their hci numbers."""
        return [f"00:1A:7D:DA:71:{number:02X}" for number in range(1, self.adapters + 1)]

    @property
    def families(self) -> dict[str, str]:
        """The family of each band, by address: what a roster says of it."""
        return {address: family for address, family, _ in self.bands()}

    def reach(self, number: int) -> list[str]:
        """Return the adapters that hear the band of that place in the room."""
        addresses = self.adapter_addresses
        return [addresses[(number + one) % self.adapters] for one in range(self.heard_by)]

    def bands(self) -> list[tuple[str, str, Callable[[str, Pulse], VirtualBand]]]:
        """Return address, family and maker of each band; those to link to come last."""
        makes: tuple[tuple[str, Callable[[str, Pulse], VirtualBand]], ...] = (
            ("miband_advert", _walking_mi),
            ("polar_advert", polar_advert),
            ("xoss_advert", xoss_advert),
        )
        chosen = list(itertools.islice(itertools.cycle(makes), self.adverts))
        chosen += [("hrs", heart_rate_strap)] * self.linked
        return [
            (f"C0:FF:EE:00:{number // 256:02X}:{number % 256:02X}", family, make)
            for number, (family, make) in enumerate(chosen, start=1)
        ]

    def dumps(self) -> str:
        """Return the plan as the process's argument."""
        return json.dumps(asdict(self))


@dataclass
class Wearer:
    """One person: each second another pulse, and a book of what was said when."""

    first: int
    said: list[tuple[int, int]]
    """UTC ms and bpm, in the order of saying."""

    def pulse(self, at_utc_ms: int) -> int:
        """Say the next pulse; it is never the one before, so that none is a repetition."""
        bpm = LOWEST_BPM + (self.first + len(self.said)) % PULSES
        self.said.append((at_utc_ms, bpm))
        return bpm


def _walking_mi(address: str, pulse: Pulse) -> VirtualBand:
    return mi_advert(address, pulse, steps=lambda at_utc_ms: at_utc_ms // STEP_EVERY_MS)


@dataclass
class Seated:
    """A band in the room, and what it said on the air: once, however many adapters heard it."""

    band: VirtualBand
    on_air: Counter[str]

    @classmethod
    def of(cls, band: VirtualBand) -> "Seated":
        """Let a band's adverts be counted as they are made."""
        seated, make = cls(band, Counter()), band.advert

        def advert(now_utc_ms: int) -> Advert:
            said = make(now_utc_ms)
            seated.on_air.update(said.values)
            return said

        band.advert = advert
        return seated

    @property
    def sent(self) -> Counter[str]:
        """What a listener can have of it so far, by quantity: said on air, notified, or read."""
        band = self.band
        if band.link is None:
            return self.on_air
        return band.sent_values + Counter({BATTERY: band.sent_reads[BATTERY_LEVEL]})


async def serve(plan: RoomPlan) -> None:
    """Run the room until standard input ends."""
    wearers = {address: Wearer(number, []) for number, address in enumerate(plan.families)}
    room = {
        address: Seated.of(make(address, wearers[address].pulse))
        for address, _, make in plan.bands()
    }
    links = -(-plan.linked // plan.adapters)
    async with VirtualBluez(plan.adapter_addresses, link_limit=links) as radio:
        for number, seated in enumerate(room.values()):
            radio.add_band(seated.band, adapters=plan.reach(number))
        _say(radio.address)
        while line := await asyncio.to_thread(sys.stdin.readline):
            command, *words = line.split()
            if command == "end":
                radio.pause()
                book = {
                    address: {"sent": seated.sent, "pulses": wearers[address].said}
                    for address, seated in room.items()
                }
                await asyncio.to_thread(Path(words[0]).write_text, json.dumps(book), "utf-8")
            _say(_count(list(room.values())))


def _count(room: list[Seated]) -> dict[str, Any]:
    return {
        "heard_of": sum(bool(seated.sent[HEART_RATE]) for seated in room),
        "readings": sum((seated.sent for seated in room), Counter()).total(),
    }


def _say(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - its output


if __name__ == "__main__":
    asyncio.run(serve(RoomPlan(**json.loads(sys.argv[1]))))
