"""How fast the core is: the whole method against zones alone, its own and DuckDB's.

All three read the same files in the same run, in turn and several times; a machine that is busy is
so for all of them, so the ratios say more than the seconds.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

import polars as pl

from config.errors import Misconfigured, Unavailable
from config.language import _
from scripts.bench.contenders import CONTENDERS, FIGURES, freeze_figures, zones_of
from scripts.bench.made_recording import BYTES_A_SAMPLE, Made, make
from scripts.bench.zones_alone import ZONE_MS
from scripts.score.memory import ALLOCATOR, TEN_SECONDS

MB = 1_000_000
RESULT_BYTES_A_SAMPLE = 1
"""For the results, first in pieces and then in order, and temporary files."""

FULL, ZONES, DUCKDB = CONTENDERS

MOST_A_DROP_MS = 120_000
"""A sample that only the whole method drops: its own hold, and the longer one of the one before."""

Watch = Callable[[str, float], None]
"""Is told what is under way, and which part of it is done."""


@dataclass(frozen=True)
class Cost:
    """What one contender took, by round."""

    seconds: list[float]
    peak_rss_mb: float

    @property
    def median_s(self) -> float:
        """The seconds of the middle round."""
        return median(self.seconds)


@dataclass(frozen=True)
class CoreFigures:
    """What one run of `adhere bench core` measured."""

    made: Made
    costs: dict[str, Cost]
    compared: int
    """People of whom all three have the same time in the zones."""

    def samples_per_s(self, name: str) -> float:
        """Return the speed of one contender."""
        return self.made.samples / self.costs[name].median_s

    def ratio_to(self, name: str) -> float:
        """Return how fast the whole method is, as a multiple of another contender."""
        return self.costs[name].median_s / self.costs[FULL].median_s


def needed_mb(samples: int) -> int:
    """Return how much disk so many samples take, results included."""
    return samples * (BYTES_A_SAMPLE + RESULT_BYTES_A_SAMPLE) // MB + 1


def check(samples: int, folder: Path) -> None:
    """Raise Misconfigured where the other contender or the room for the samples is missing."""
    if find_spec("duckdb") is None:
        raise Misconfigured(
            _(
                "DuckDB, which the core is measured against, is not installed here; run in the"
                " sources: %(command)s"
            )
            % {"command": "pip install '.[bench]'"}
        )
    free_mb = shutil.disk_usage(folder).free // MB
    if needed_mb(samples) > free_mb:
        raise Misconfigured(
            _(
                "%(folder)s has room for %(free)d MB and %(needed)d are needed: "
                "take fewer --samples or set TMPDIR"
            )
            % {"folder": folder, "free": free_mb, "needed": needed_mb(samples)}
        )


def run(samples: int, rounds: int, folder: Path, watch: Watch) -> CoreFigures:
    """Make a recording in `folder`, run all contenders over it in turn, compare their results."""
    making = _("making people")
    made = make(folder, samples, watch=lambda done: watch(making, done / samples))
    took: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for number in range(rounds):
        for place, name in enumerate(CONTENDERS):
            done = (number + place / len(CONTENDERS)) / rounds
            watch(_("round %(number)d: %(name)s") % {"number": number + 1, "name": name}, done)
            took[name].append(_in_a_process(name, folder))
            if name == FULL:
                freeze_figures(folder)
    costs = {
        name: Cost([one["seconds"] for one in each], max(one["peak_rss_mb"] for one in each))
        for name, each in took.items()
    }
    return CoreFigures(made, costs, compare(folder))


def _in_a_process(name: str, folder: Path) -> dict[str, float]:
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "scripts.bench.contenders", name, str(folder)],
        env={ALLOCATOR: TEN_SECONDS} | os.environ,  # as `adhere score` has it; so has each of them
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(
            _("%(name)s ended with %(code)d: %(said)s")
            % {"name": name, "code": done.returncode, "said": done.stderr.strip()[-500:]}
        )
    took: dict[str, float] = json.loads(done.stdout)
    return took


class Different(Exception):
    """Two contenders do not agree on the time in the zones."""


def compare(folder: Path) -> int:
    """Return of how many people all contenders have the same time in the zones, to the ms.

    Zones alone leave in what the whole method drops (C3, C4): where it dropped anything of a
    person, so much may differ as these samples can account for, and the person is not counted.
    Raises Different.
    """
    figures = pl.read_parquet(folder / FIGURES)
    full = pl.read_parquet(zones_of(folder, FULL)).join(figures, on="person")
    dropped = pl.col("n_in") - pl.col("n_kept")
    for name in (ZONES, DUCKDB):
        other = pl.read_parquet(zones_of(folder, name))
        both = full.join(other, on="person", how="left", suffix="_other")
        apart = pl.sum_horizontal(
            (pl.col(zone) - pl.col(f"{zone}_other")).abs() for zone in ZONE_MS
        )
        known = pl.col(f"{ZONE_MS[0]}_other").is_not_null()
        differ = both.filter(~known | (apart > MOST_A_DROP_MS * dropped))
        if differ.height or other.height != full.height:
            raise Different(f"{name}: {differ.height} people, {other.height} of {full.height}")
    return full.filter(dropped == 0).height


def as_json(figures: CoreFigures) -> dict[str, object]:
    """Return the figures for a program."""
    return {
        "samples": figures.made.samples,
        "samples_per_s": figures.samples_per_s(FULL),
        "duckdb_samples_per_s": figures.samples_per_s(DUCKDB),
        "ratio": figures.ratio_to(DUCKDB),
        "zones_samples_per_s": figures.samples_per_s(ZONES),
        "zones_ratio": figures.ratio_to(ZONES),
        "peak_rss_mb": figures.costs[FULL].peak_rss_mb,
        "duckdb_peak_rss_mb": figures.costs[DUCKDB].peak_rss_mb,
        "zones_peak_rss_mb": figures.costs[ZONES].peak_rss_mb,
        "step_rows": figures.made.step_rows,
        "people": figures.made.people,
        "same_zones": figures.compared,
        "rounds": len(figures.costs[FULL].seconds),
    }
