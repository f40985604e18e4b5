"""Days of readings as one source, run by a gateway: `python -m scripts.bench.days_heard`.

Arguments: the gateway's settings file, and the days as JSON. Every band says one pulse a second.
What it says follows from band and second alone, so whoever counts needs no list; it
compresses no better than what people's bands say.
"""

import asyncio
import json
import os
import signal
import sys
from array import array
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from config.settings import load_gateway
from ingest.batch.columns import Chunk, Columns
from ingest.batch.enrolment import load_answer
from ingest.batch.keys import load_keys
from ingest.batch.reading import Flag, Quantity
from ingest.gateway import ENROLMENT_FILE, KEY_FILE
from ingest.gateway.heard import Heard, Source
from ingest.gateway.run import run_gateway
from scripts.log import set_up_log

FIRST_UTC_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""
LOWEST_BPM, HIGHEST_BPM, SWAY_BPM = 60, 150, 4
"""Everybody's pulse has a height of its own, and sways about it from second to second."""
PULSES = 2_503
"""Then a band says the same again: far more seconds than one batch has."""


@dataclass(frozen=True)
class Days:
    """So many bands for so many seconds."""

    bands: int
    seconds: int
    piece_s: int = 60
    """Seconds that reach the disk as one; a box at work has two pieces in each second."""

    @property
    def readings(self) -> int:
        """One a second and band."""
        return self.bands * self.seconds

    def dumps(self) -> str:
        """Return it as a process's argument."""
        return json.dumps(asdict(self))

    def pulses(self) -> "array[float]":
        """Return what all bands say, second after second, until it begins again."""
        chance = Random(self.bands)  # noqa: S311 - the same for who says it and who counts it
        heights = [chance.randint(LOWEST_BPM, HIGHEST_BPM) for _ in range(self.bands)]
        return array(
            "d",
            (
                float(height + chance.randint(-SWAY_BPM, SWAY_BPM))
                for _ in range(PULSES)
                for height in heights
            ),
        )

    def device_key(self, band: int) -> str:
        """Return a band's name."""
        return f"c0:ff:ee:0d:{band // 256:02x}:{band % 256:02x}"

    def chunk(self, first_s: int, pulses: "array[float]") -> Chunk:
        """Return what all bands say in the piece that begins at a second."""
        seconds = range(first_s, min(first_s + self.piece_s, self.seconds))
        count, bands = self.bands * len(seconds), range(self.bands)
        begin = first_s % PULSES * self.bands
        said = pulses[begin : begin + count]
        while len(said) < count:
            said.extend(pulses[: count - len(said)])
        return Chunk(
            tuple(map(self.device_key, bands)),
            (
                Columns(
                    quantity=Quantity.HEART_RATE_BPM,
                    device_index=array("H", bands) * len(seconds),
                    at_utc_ms=array(
                        "q", (FIRST_UTC_MS + 1000 * second for second in seconds for _ in bands)
                    ),
                    value=said,
                    span_ms=array("I", bytes(4 * count)),
                    flags=array("B", [Flag.CLOCK_RECEIPT]) * count,
                    device_ts_ms=None,
                ),
            ),
        )


def source_of(days: Days) -> Source:
    """Return the days as a source that goes on where its cursor says."""
    pulses = days.pulses()

    async def source(cursor: Mapping[str, str]) -> AsyncGenerator[Heard]:
        for first_s in range(int(cursor.get("second", "0")), days.seconds, days.piece_s):
            yield Heard(
                days.chunk(first_s, pulses), "live", {"second": str(first_s + days.piece_s)}
            )
            await asyncio.sleep(0)  # making them is work of this thread: let the others in

    return source


async def serve(settings_path: Path, days: Days) -> None:
    """Run until everything is receipted, or SIGTERM; print the last status."""
    settings = load_gateway(settings_path, os.environ)
    keys = load_keys(settings.data_dir / KEY_FILE)
    hub = load_answer(settings.data_dir / ENROLMENT_FILE, keys).hub_keys
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    final = await run_gateway(
        settings,
        keys,
        hub.signing,
        source_of(days),
        stop=stop,
        drain=True,
        hub_encryption=hub.encryption,
    )
    print(json.dumps(final.as_dict()))  # noqa: T201 - its output


if __name__ == "__main__":
    set_up_log(verbose=False, for_a_person=False)
    asyncio.run(serve(Path(sys.argv[1]), Days(**json.loads(sys.argv[2]))))
