"""What `adhere why` tells of a week, wherever it came from; and the sums it is held to.

Times are UTC, dates local days, spans whole milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.minutes import HELD_REASONS
from config.language import later
from reports.why import Session, ShortEffort
from reports.why.content import Batch

WEEK_DAYS = 7
SPANS = (*HELD_REASONS, "missing")
"""What a minute is made of; each is a column of milliseconds, `credited_ms` and so on."""


EVERY_MINUTE = later("every minute of the week")
COMPLETE = later("complete sessions")
OF_BOUT = later("credit of the bout at %(at)s")
SUMS = {
    "bout_credit_min": later("credit in bouts"),
    "all_credit_min": later("all time in the zone"),
    "above_min": later("time above the zone"),
    "wear_min": later("time worn"),
}
"""Figure of the week -> what it is the sum of."""


class Run(NamedTuple):
    """Minutes in a row of one day of which mostly the same became."""

    start_ms: int
    minutes: int
    reason: str
    bout_start_ms: int | None
    """The session they lie in."""
    spans_ms: dict[str, int]
    """Name of SPANS -> ms, where there is any; they add up to the run's minutes."""
    lowest_bpm: float | None
    """Of the minutes' mean heart rates."""
    highest_bpm: float | None
    steps: int | None
    """Null where no minute of the run has a count."""


class Check(NamedTuple):
    """A sum over the minutes beside the figure it must be."""

    what: str
    """Text for `_`; of one session where `start_ms` is given."""
    from_minutes: float
    stored: float
    unit: str
    """`min`, or empty for a count."""
    start_ms: int | None = None

    @property
    def is_equal(self) -> bool:
        """Whether both say the same; minutes to a tenth of a millisecond, more is not stored."""
        return abs(self.from_minutes - self.stored) < 1e-6  # noqa: PLR2004 - as said


@dataclass(frozen=True)
class Account:
    """A week of a case with every minute of it."""

    case: str
    person: str
    week: date
    """Its Monday."""
    counted_to: date
    """The last local day that counts; before Sunday while the week runs."""
    targets: dict[str, Any]
    """What is prescribed, by column; null where it is not."""
    figures: dict[str, Any]
    """The week's stored figures, by column."""
    method_version: str
    input_sha256: str
    sessions: tuple[Session, ...]
    short_efforts: tuple[ShortEffort, ...]
    minutes: pl.DataFrame
    """MINUTE with `minute` for case and person: the week's, and behind them those of a bout that
    runs on over its end."""
    differing: tuple[date, ...]
    """Days whose readings have changed since the figures were stored."""
    batches: tuple[Batch, ...] | None
    """Null where the readings came out of files."""

    def days(self) -> Iterator[date]:
        """Yield the seven days of the week."""
        yield from (self.week + timedelta(days=number) for number in range(WEEK_DAYS))

    def runs(self) -> list[tuple[date, Run]]:
        """Return the minutes folded: in a row, of one day, with one reason, in one session."""
        alike = pl.struct("date", "reason", "bout_start_ms").rle_id()
        holes = pl.col("minute").diff().ne(1).fill_null(value=False).cum_sum()
        return self._folded(pl.struct(alike, holes.alias("holes")))

    def each_minute(self) -> list[tuple[date, Run]]:
        """Return the minutes one by one."""
        return self._folded(pl.col("minute"))

    def _folded(self, run: pl.Expr) -> list[tuple[date, Run]]:
        folded = (
            self.minutes.sort("minute")
            .with_columns(run=run)
            .group_by("run", maintain_order=True)
            .agg(
                pl.col("date", "reason", "bout_start_ms", "minute").first(),
                pl.len(),
                pl.col(*(f"{name}_ms" for name in SPANS)).sum(),
                lowest=pl.col("mean_bpm").min(),
                highest=pl.col("mean_bpm").max(),
                steps=pl.when(pl.col("steps").is_not_null().any()).then(pl.col("steps").sum()),
            )
        )
        return [
            (
                row["date"],
                Run(
                    row["minute"] * MINUTE_MS,
                    row["len"],
                    row["reason"],
                    row["bout_start_ms"],
                    {name: row[f"{name}_ms"] for name in SPANS if row[f"{name}_ms"]},
                    row["lowest"],
                    row["highest"],
                    row["steps"],
                ),
            )
            for row in folded.to_dicts()
        ]

    def totals_ms(self) -> dict[str, int]:
        """Return what became of the week's 168 hours: name of SPANS -> ms."""
        sunday = self.week + timedelta(days=WEEK_DAYS - 1)
        return _sums_ms(self.minutes.filter(pl.col("date") <= sunday))

    def checks(self) -> list[Check]:
        """Return every stored sum beside the same out of the minutes."""
        counted = [session for session in self.sessions if session.counted]
        of_bouts = dict(
            self.minutes.group_by("bout_start_ms").agg(pl.col("credited_ms").sum()).iter_rows()
        )
        own = self.minutes.filter(pl.col("date").is_between(self.week, self.counted_to))
        sums = _sums_ms(own)
        in_zone = sums["credited"] + sums["short"]
        minutes = {
            "bout_credit_min": sum(of_bouts.get(utc_ms(session), 0) for session in counted),
            "all_credit_min": in_zone,
            "above_min": sums["above"],
            "wear_min": in_zone + sums["above"] + sums["below"],
        }
        whole_week_ms = sum(self.totals_ms().values())
        return [
            Check(EVERY_MINUTE, whole_week_ms / MINUTE_MS, WEEK_DAYS * DAY_MS / MINUTE_MS, "min"),
            *(
                Check(SUMS[name], span_ms / MINUTE_MS, self.figures[name], "min")
                for name, span_ms in minutes.items()
                if name in self.figures
            ),
            Check(
                COMPLETE,
                sum(session.complete for session in counted),
                self.figures["complete_sessions"],
                "",
            ),
            *(
                Check(
                    OF_BOUT,
                    of_bouts.get(utc_ms(session), 0) / MINUTE_MS,
                    session.credit_ms / MINUTE_MS,
                    "min",
                    utc_ms(session),
                )
                for session in self.sessions
            ),
        ]


def _sums_ms(minutes: pl.DataFrame) -> dict[str, int]:
    columns = [f"{name}_ms" for name in SPANS]
    return dict(zip(SPANS, minutes.select(columns).sum().row(0), strict=True))


def utc_ms(session: Session) -> int:
    """Return when a session starts, in milliseconds."""
    return round(session.start_at.timestamp() * 1000)
