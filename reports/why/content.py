"""What `minutes_of_week` says. Times are UTC, dates local days, spans whole milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl


@dataclass(frozen=True)
class StoredWeek:
    """The week's row as the night stored it, and the targets it is judged by."""

    enrolment_id: int
    patient_id: int
    pseudonym: str
    case_label: str
    mode: str
    week: date
    """Its Monday."""
    counted_to: date
    """The last local day that counts in the figures; before Sunday while the week runs."""
    state: str
    reason: str | None
    adherence_pct: float
    """The lowest of the parts prescribed."""
    attendance: float | None
    """None, like all of a part, where it is not prescribed."""
    rdi: float | None
    session_days: int
    complete_sessions: int
    bout_credit_min: float
    wear_min: float
    valid_days: int
    prescription_version: int
    phase: str | None
    """Of the version's phases the one the week lies in."""
    intensity_kind: str
    zone_lo: float | None
    """In the unit of `intensity_kind`."""
    zone_hi: float | None
    session_min: float | None
    sessions_per_week: float | None
    weekly_min: float | None
    ceiling_bpm: float | None
    """Nothing is credited from there on; None: there is none."""
    resistance_per_week: float | None
    resistance_min: float | None
    rest_days: int
    balance_per_week: float | None
    balance_min: float | None
    steps_per_day: float | None
    aerobic_pct: float | None
    resistance_pct: float | None
    balance_pct: float | None
    steps_pct: float | None
    method_version: str
    input_sha256: bytes


@dataclass(frozen=True)
class Batch:
    """A batch of the ledger, and how many of the readings in question came in it."""

    centre: str
    gateway: str
    boot: str
    """Hex; new with every spool file of the gateway."""
    seq: int
    content_sha256: str
    """Hex; of the signed content, which is kept as evidence."""
    committed_at: datetime
    heart_rates: int
    step_counts: int


@dataclass(frozen=True)
class Session:
    """A qualifying bout; a complete one is a session that counts for attendance (C11, C12)."""

    start_at: datetime
    end_at: datetime
    date: date
    span_ms: int
    effort_ms: int
    credit_ms: int
    complete: bool
    sparse: bool
    session_min: float | None
    """Prescribed minutes of a session, by the version in force at its start."""
    min_counted: int
    """Clock minutes with a step count, and of these without a step, and at walking pace (C16)."""
    min_zero: int
    min_walk: int
    counted: bool
    """False: it starts after the last day that counts in the week's row."""
    batches: tuple[Batch, ...]


@dataclass(frozen=True)
class Part:
    """One prescribed part of a week: what was asked and how much of it was done."""

    name: str
    """One of `adherence.schema.COMPONENTS`."""
    asked: float
    """Sessions a week; of steps, a day."""
    asked_min: float | None
    """Minutes of a session; None: any length counts, or it is steps."""
    pct: float
    is_below: bool
    """Below the pass mark."""


@dataclass(frozen=True)
class LoggedSession:
    """An entry of the session log, and what became of it."""

    date: date
    component: str
    attended: bool
    minutes: float | None
    rpe: float | None
    supervisor: str | None
    writer: str
    noted_at: datetime
    revision: int
    """Above 1: it was corrected."""
    verdict: str
    """A key of `reports.why.words.VERDICTS`."""


@dataclass(frozen=True)
class ShortEffort:
    """A chain of effort that does not qualify: too little of it, or too thin."""

    start_at: datetime
    end_at: datetime
    effort_ms: int
    credit_ms: int
    """Time in the zone that is lost with it."""


@dataclass(frozen=True)
class Run:
    """Minutes in a row of which the same became."""

    start_at: datetime
    minutes: int
    reason: str


@dataclass(frozen=True)
class Day:
    """One local day: how its 24 hours add up."""

    date: date
    spans_ms: Mapping[str, int]
    """Reason of `HELD_REASONS`, and `missing`, -> ms; they add up to 24 hours."""
    runs: tuple[Run, ...]
    agrees: bool
    """False: readings or records have changed since the night; the next one brings it in line."""

    @property
    def credit_ms(self) -> int:
        """All creditable time of the day (C9), in bouts or not: as its stored row says."""
        return self.spans_ms["credited"] + self.spans_ms["short"]

    @property
    def above_ms(self) -> int:
        """Time at or above the zone's upper end: as the stored row says."""
        return self.spans_ms["above"]

    @property
    def wear_ms(self) -> int:
        """Held time under a prescription (C13): as the stored row says."""
        return sum(self.spans_ms[name] for name in ("credited", "above", "short", "below"))


@dataclass(frozen=True)
class StepWay:
    """From one running total of a band to the next, where it is more than a plain difference."""

    start_at: datetime
    end_at: datetime
    steps: int | None
    """None: nothing is counted."""
    verdict: str
    """One of `adherence.counters`: a key of `reports.why.words.WAYS`."""


@dataclass(frozen=True)
class StepDay:
    """Steps of one local day, by all that was told of them."""

    date: date
    steps: int
    by_minute: int
    """The sum of the minutes with a count (C15)."""
    by_totals: int | None
    """What running totals and spans over a minute come to; None: there were none."""
    ways: tuple[StepWay, ...]


@dataclass(frozen=True)
class Why:
    """A week down to its minutes."""

    week: StoredWeek
    sessions: tuple[Session, ...]
    """Every qualifying bout that starts in the week, in order."""
    short_efforts: tuple[ShortEffort, ...]
    days: tuple[Day, ...]
    minutes: pl.DataFrame
    """`adherence.schema.MINUTE` with `at` (UTC) for `minute`, in order: the week's 10,080 minutes,
    and behind them the minutes of a bout that runs on over the week's end."""
    batches: tuple[Batch, ...]
    """Every batch with readings of the week's time."""
    parts: tuple[Part, ...]
    """Every part prescribed."""
    logged: tuple[LoggedSession, ...]
    """What the session log says of the week, in the order of its days."""
    steps: tuple[StepDay, ...]
    """The days of which some step count is known."""
    counted_steps: int
    """Of the days under a prescription, together."""
    stored_steps: int
    """The same as the night stored it."""

    @property
    def held_back_by(self) -> tuple[str, ...]:
        """The parts below the pass mark, the lowest first: what kept the week from being met."""
        below = sorted((part.pct, part.name) for part in self.parts if part.is_below)
        return tuple(name for _, name in below)

    @property
    def bout_credit_ms(self) -> int:
        """The week's credit out of its minutes: credited time in bouts that start in it."""
        return sum(session.credit_ms for session in self.sessions if session.counted)

    @property
    def agrees(self) -> bool:
        """Whether all of it is what the stored figures were computed from."""
        return all(day.agrees for day in self.days)
