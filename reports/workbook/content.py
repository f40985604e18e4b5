"""What a workbook says, before anything is drawn: frames in, counts out.

A patient, a doctor and a centre with nothing to count keep their row: zero is not missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from adherence.schema import ZONES
from config.schemes import Scheme
from reports.payment.content import Line

WEEK_SCHEMA = pl.Schema(
    {
        "pseudonym": pl.String,
        "case_label": pl.String,
        "week": pl.Date,
        "sessions": pl.Int64,
        "session_days": pl.Int64,
        "sessions_per_week": pl.Float64,
        "bout_credit_min": pl.Float64,
        "weekly_min": pl.Float64,
        "attendance": pl.Float64,
        "rdi": pl.Float64,
        "adherence_pct": pl.Float64,
        "aerobic_pct": pl.Float64,
        "resistance_pct": pl.Float64,
        "balance_pct": pl.Float64,
        "steps_pct": pl.Float64,
        "wear_min": pl.Float64,
        "valid_days": pl.Int64,
        "state": pl.String,
        "reason": pl.String,
        "prescription_version": pl.Int64,
        "method_version": pl.String,
        "input_sha256": pl.Binary,
    }
)
"""One row per enrolled patient-week, as stored; what is not prescribed is null."""

SIDE_SCHEMA = pl.Schema(
    {
        "pseudonym": pl.String,
        "case_label": pl.String,
        "week": pl.Date,
        **{f"{zone}_min": pl.Float64 for zone in ZONES},
        "mod_eq_min": pl.Float64,
        "trimp": pl.Float64,
        "over_ceiling_min": pl.Float64,
        "rest_days": pl.Int64,
        "rest_bpm": pl.Float64,
        "rest_base_days": pl.Int64,
        "rest_base_bpm": pl.Float64,
        "rest_drift_bpm": pl.Float64,
        "prescription_version": pl.Int64,
        "method_version": pl.String,
        "side_version": pl.String,
        "input_sha256": pl.Binary,
    }
)
"""Side figures of each of those weeks; they stand beside adherence and are never part of it."""

PATIENT_SCHEMA = pl.Schema(
    {"pseudonym": pl.String, "doctor_code": pl.String, "centre_code": pl.String}
)
UNIT_SCHEMA = pl.Schema({"code": pl.String, "name": pl.String})
"""A centre or a doctor."""


ROUNDING_PCT = 1e-9
"""Above every rounding error of a mean of weeks, below every real distance from the pass mark."""


@dataclass(frozen=True)
class Coverage:
    """How much came in, counted when the workbook was made."""

    data_until: datetime | None
    """When the newest batch of the ledger was committed; None without any."""
    batches: int
    readings: int
    quarantined: int
    dead_letters: int


@dataclass(frozen=True)
class Payment:
    """Payable lines of the months that lie in the period, and the schemes they follow."""

    schemes: tuple[Scheme, ...]
    lines: tuple[Line, ...]
    period_states: Mapping[date, str]
    """Month, by its first day -> `open` or `closed`."""


@dataclass(frozen=True)
class Content:
    """Everything one workbook is made of; the same content gives the same bytes."""

    night: date
    revision: int
    first_week: date | None
    weeks: pl.DataFrame
    patients: pl.DataFrame
    doctors: pl.DataFrame
    centres: pl.DataFrame
    coverage: Coverage
    method_version: str
    conventions_sha256: bytes
    input_sha256: bytes
    payment: Payment | None = None
    """None where no scheme is in force: then no sheet speaks of payment."""
    side: pl.DataFrame | None = None
    """SIDE_SCHEMA; None where the workbook is not for those who treat: then no sheet shows it."""
    quality: pl.DataFrame | None = None
    """QUALITY_SCHEMA, as it was when the report was first made; None: of a report from before."""
    uncounted_batches: int | None = None
    """In no row of `quality`, for the ledger could not be counted then; None: it could."""
    anchor: str | None = None
    """The newest sealed block of the audit trail when the report was first made; None: none was."""


def is_over(night: date) -> pl.Expr:
    """Say whether the week's Sunday is counted.

    A running week may be met already and can never be not met: in a rate it would only lift it.
    """
    return pl.col("week") + timedelta(days=6) <= night


def _is_judged(night: date) -> pl.Expr:
    return is_over(night) & pl.col("state").is_in(["met", "not_met"])


def _counts(reasons: tuple[str, ...], night: date) -> list[pl.Expr]:
    judged = _is_judged(night)
    return [
        pl.col("week").count().alias("patient_weeks"),
        (pl.col("state") == "met").sum().alias("met"),
        (pl.col("state") == "not_met").sum().alias("not_met"),
        (pl.col("state") == "cannot_judge").sum().alias("cannot_judge"),
        *[(pl.col("reason") == reason).sum().alias(reason) for reason in reasons],
        (judged & (pl.col("state") == "met")).sum().alias("met_numerator"),
        judged.sum().alias("judged"),
    ]


def per_patient(content: Content, reasons: tuple[str, ...]) -> pl.DataFrame:
    """Return one row per patient, those without a week too.

    `mean_adherence_pct` is over judged weeks (over, and met or not met), null without any.
    """
    judged = _is_judged(content.night)
    return (
        content.patients.join(content.weeks, on="pseudonym", how="left")
        .group_by("centre_code", "doctor_code", "pseudonym")
        .agg(
            *_counts(reasons, content.night),
            # Sorted: the last bit of a mean, and so the file's bytes, would depend on the order.
            pl.col("adherence_pct").filter(judged).sort().mean().alias("mean_adherence_pct"),
        )
        .with_columns(_rate())
        .sort("centre_code", "doctor_code", "pseudonym")
    )


def _rate() -> pl.Expr:
    """Adherence rate: met / (met + not met) of weeks that are over, null without any."""
    rate = pl.col("met_numerator") / pl.col("judged")
    return pl.when(pl.col("judged") > 0).then(rate).alias("adherence_rate")


def per_unit(
    patients: pl.DataFrame,
    units: pl.DataFrame,
    key: str,
    reasons: tuple[str, ...],
    *,
    pass_pct: int,
) -> pl.DataFrame:
    """Return one row per centre or doctor out of the rows of `per_patient`, empty ones too.

    A patient passes whose own mean adherence is at least `pass_pct`.
    """
    counts = [
        "patient_weeks",
        "met",
        "not_met",
        "cannot_judge",
        *reasons,
        "met_numerator",
        "judged",
    ]
    passing = pl.col("mean_adherence_pct") >= pass_pct - ROUNDING_PCT
    return (
        units.join(patients, left_on="code", right_on=key, how="left")
        .group_by("code", "name")
        .agg(
            pl.col("pseudonym").count().alias("patients"),
            *[pl.col(count).fill_null(0).sum() for count in counts],
            pl.col("mean_adherence_pct").count().alias("patients_judged"),
            passing.sum().alias("patients_passing"),
        )
        .with_columns(
            _rate(),
            pl.when(pl.col("patients_judged") > 0)
            .then(pl.col("patients_passing") / pl.col("patients_judged"))
            .alias("passing_share"),
        )
        .sort("code")
    )


def detail(content: Content, weeks: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return one row per patient-week with the doctor and centre beside it, in reading order.

    `weeks` are those of the content, or their side figures.
    """
    rows = content.weeks if weeks is None else weeks
    return rows.join(content.patients, on="pseudonym", how="left").sort(
        "centre_code", "doctor_code", "pseudonym", "case_label", "week"
    )
