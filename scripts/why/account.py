"""What `adhere why` tells of a week, wherever it came from; and the sums it is held to.

Times are UTC, dates local days, spans whole milliseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import polars as pl

from adherence.clock import DAY_MS, MINUTE_MS
from adherence.components import AEROBIC
from adherence.minutes import HELD_REASONS
from adherence.prescription import needs_figures
from adherence.schema import PRESCRIBED, completed
from adherence.zones import in_force
from config.language import later
from reports.why import Session, ShortEffort
from reports.why.content import Batch, StepDay
from storage.bands import ClaimedBand

WEEK_DAYS = 7
SPANS = (*HELD_REASONS, "missing")
"""What a minute is made of; each is a column of milliseconds, `credited_ms` and so on."""


TARGETS = (
    "intensity_kind",
    *PRESCRIBED,
    "ceiling_bpm",
    "resistance_per_week",
    "resistance_min",
    "rest_days",
    "balance_per_week",
    "balance_min",
    "steps_per_day",
)
"""What a prescription says of a week; null where it asks for none of it."""
EVERY_MINUTE = later("every minute of the week")
COMPLETE = later("complete sessions")
STEPS = later("steps of its days")
OF_BOUT = later("credit of the bout at %(at)s")
SUMS = {
    "bout_credit_min": later("credit in bouts and logged sessions"),
    "all_credit_min": later("all time in the zone"),
    "above_min": later("time above the zone"),
    "wear_min": later("time worn"),
}
"""Figure of the week -> what it is the sum of."""


class Logged(NamedTuple):
    """An entry of the session log."""

    date: date
    component: str
    minutes: float | None
    rpe: float | None
    credit_ms: int
    """What it adds to the week's credit: aerobic, and rated as asked for."""
    complete: bool
    """Long and hard enough to count, by itself."""
    verdict: str | None
    """Text for `_`: what became of it in the week; None where nobody has judged that."""


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
    logged: tuple[Logged, ...]
    """Entries of the session log in the week, by their days."""
    limitless: frozenset[date]
    """Days under a prescription without heart-rate limits: held time is worn, and not judged."""
    differing: tuple[date, ...]
    """Days whose readings have changed since the figures were stored."""
    batches: tuple[Batch, ...] | None
    """Null where the readings came out of files."""
    claims: tuple[ClaimedBand, ...] = ()
    steps: tuple[StepDay, ...] = ()
    """The days of which a step count is known; none where the readings came out of files."""
    step_sums: tuple[int, int] | None = None
    """Steps of the week's days as counted now, and as stored; null for files."""
    """Bands of this week that the wearer said on an on-site page are theirs, the earliest first."""

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
        unlimited = _sums_ms(own.filter(pl.col("date").is_in(list(self.limitless))))["unjudged"]
        logged = [one for one in self.logged if one.date <= self.counted_to]
        in_bouts = sum(of_bouts.get(utc_ms(session), 0) for session in counted)
        minutes = {
            "bout_credit_min": in_bouts + sum(one.credit_ms for one in logged),
            "all_credit_min": in_zone,
            "above_min": sums["above"],
            "wear_min": in_zone + sums["above"] + sums["below"] + unlimited,
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
                sum(session.complete for session in counted)
                + sum(one.complete and one.component == AEROBIC for one in logged),
                self.figures["complete_sessions"],
                "",
            ),
            *([] if self.step_sums is None else [Check(STEPS, *self.step_sums, "")]),
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


def days_without_limits(versions: pl.DataFrame, week: date) -> frozenset[date]:
    """Return the week's days under a version that asks nothing of heart rate.

    `versions` are of one case: from_day, until_day (null: open), zone_lo, intensity_kind.
    """
    days = pl.DataFrame({"date": [week + timedelta(days=number) for number in range(WEEK_DAYS)]})
    asking = completed(versions.lazy()).collect()
    found = days.join(asking, how="cross").filter(in_force() & ~needs_figures())
    return frozenset(found["date"])


def _sums_ms(minutes: pl.DataFrame) -> dict[str, int]:
    columns = [f"{name}_ms" for name in SPANS]
    return dict(zip(SPANS, minutes.select(columns).sum().row(0), strict=True))


def utc_ms(session: Session) -> int:
    """Return when a session starts, in milliseconds."""
    return round(session.start_at.timestamp() * 1000)
