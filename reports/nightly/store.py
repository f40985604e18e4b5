"""Writing results: exactly the rows that differ, and none beside the windows computed."""

from typing import NamedTuple

import polars as pl

from adherence.schema import ZONES
from config.side_figures import load_side_figures
from reports.nightly.blocks import Block
from reports.nightly.rounds import prescription_id
from reports.nightly.tables import stage
from storage.database import Connection
from storage.queries import query

_RESULT_KEYS = ["method_version", "input_sha256"]
DAY_COLUMNS = (
    "enrolment_id",
    "date",
    "prescription_id",
    "valid_day",
    "very_light_ms",
    "light_ms",
    "moderate_ms",
    "vigorous_ms",
    "near_max_ms",
    "credit_ms",
    "above_ms",
    "wear_ms",
    "steps",
    "cad100_min",
    "cad130_min",
    "hrless_cad100_min",
    "still_min",
    "lock_min",
    "shake_min",
    "fast_min",
    *_RESULT_KEYS,
)
BOUT_COLUMNS = (
    "enrolment_id",
    "start_at",
    "end_at",
    "date",
    "prescription_id",
    "span_ms",
    "effort_ms",
    "credit_ms",
    "sparse",
    "min_counted",
    "min_zero",
    "min_walk",
    "complete",
    *_RESULT_KEYS,
)
WEEK_COLUMNS = (
    "enrolment_id",
    "week",
    "prescription_id",
    "wear_min",
    "valid_days",
    "valid_week",
    "bouts",
    "complete_sessions",
    "session_days",
    "bout_credit_min",
    "all_credit_min",
    "above_min",
    "mod_eq_min",
    "attendance",
    "rdi",
    "volume",
    "intensity",
    "duration",
    "adherent",
    "adherence_pct",
    "aerobic_pct",
    "resistance_pct",
    "balance_pct",
    "steps_pct",
    "state",
    "reason",
    *_RESULT_KEYS,
    "counted_to",
)

SIDE_DAY_COLUMNS = (
    "enrolment_id",
    "date",
    "prescription_id",
    "impulse",
    "over_ceiling_ms",
    "method_version",
    "side_version",
    "input_sha256",
)
REST_DAY_COLUMNS = ("patient_id", "date", "rest_bpm", *_RESULT_KEYS)
SIDE_WEEK_COLUMNS = (
    "enrolment_id",
    "week",
    "prescription_id",
    *(f"{zone}_min" for zone in ZONES),
    "mod_eq_min",
    "trimp",
    "over_ceiling_min",
    "rest_days",
    "rest_bpm",
    "rest_base_days",
    "rest_base_bpm",
    "rest_drift_bpm",
    "method_version",
    "side_version",
    "input_sha256",
    "counted_to",
)


class Written(NamedTuple):
    """Rows that are now other than before: new, changed or gone."""

    days: int
    bouts: int


def make_staging(conn: Connection) -> None:
    """Make the temporary tables of this transaction."""
    for name in ("make_staging", "make_side_staging"):
        for statement in query(name).split(";"):
            if statement.strip():
                conn.execute(statement)


def store_block(
    conn: Connection, block: Block, enrolments: pl.DataFrame, method_version: str
) -> Written:
    """Make the stored days and bouts of the block's windows equal to what it computed.

    `enrolments`: patient_id, enrolment_id of all its patients, those without figures too.
    """
    conn.execute(query("clear_staging"))
    spans = block.windows.join(enrolments, on="patient_id").with_columns(
        pl.col("first_day", "last_day").cast(pl.Int32).cast(pl.Date)
    )
    stage(
        conn,
        "COPY new_span (enrolment_id, first_day, last_day) FROM STDIN",
        ("enrolment_id", "first_day", "last_day"),
        spans,
    )
    named = [
        prescription_id().alias("prescription_id"),
        pl.lit(method_version).alias("method_version"),
    ]
    day_rows = block.days.unique(["enrolment_id", "date"], maintain_order=True).with_columns(named)
    _stage_rows(conn, "day", DAY_COLUMNS, day_rows)
    at = pl.Datetime("ms", "UTC")
    bout_rows = block.bouts.unique(["enrolment_id", "start_ms"], maintain_order=True).with_columns(
        *named, start_at=pl.col("start_ms").cast(at), end_at=pl.col("end_ms").cast(at)
    )
    _stage_rows(conn, "bout", BOUT_COLUMNS, bout_rows)
    conn.execute(query("note_stale_weeks"))
    days = conn.execute(query("drop_vanished_days")).rowcount
    days += conn.execute(query("put_days")).rowcount
    bouts = conn.execute(query("drop_vanished_bouts")).rowcount
    bouts += conn.execute(query("put_bouts")).rowcount
    _store_side_days(conn, block, method_version)
    return Written(days, bouts)


def _store_side_days(conn: Connection, block: Block, method_version: str) -> None:
    """Make the days behind the side figures equal to what the block computed.

    The spans of its enrolments are staged already; a resting heart rate is the patient's.
    """
    side = load_side_figures()
    conn.execute(query("clear_side_staging"))
    stage(
        conn,
        "COPY new_rest_span (patient_id, first_day, last_day) FROM STDIN",
        ("patient_id", "first_day", "last_day"),
        block.windows.with_columns(pl.col("first_day", "last_day").cast(pl.Int32).cast(pl.Date)),
    )
    named = [pl.lit(method_version).alias("method_version")]
    loads = block.side.loads.unique(["enrolment_id", "date"], maintain_order=True)
    _stage_rows(
        conn,
        "side_day",
        SIDE_DAY_COLUMNS,
        loads.with_columns(
            *named, prescription_id=prescription_id(), side_version=pl.lit(side.version)
        ),
    )
    rests = block.side.rests.unique(["patient_id", "date"], maintain_order=True)
    _stage_rows(conn, "rest_day", REST_DAY_COLUMNS, rests.with_columns(named))
    conn.execute(query("drop_vanished_side_days"))
    conn.execute(query("put_side_days"))
    conn.execute(query("put_rest_days"), {"baseline_weeks": side.baseline_weeks})


def store_weeks(conn: Connection, week_rows: pl.DataFrame) -> int:
    """Put week rows (WEEK_COLUMNS); return how many are new or changed."""
    conn.execute(query("clear_staging"))
    _stage_rows(conn, "week", WEEK_COLUMNS, week_rows)
    return conn.execute(query("put_weeks")).rowcount


def store_side_weeks(conn: Connection, rows: pl.DataFrame) -> int:
    """Put side figures of weeks (SIDE_WEEK_COLUMNS); return how many are new or changed."""
    conn.execute(query("clear_side_staging"))
    _stage_rows(conn, "side_week", SIDE_WEEK_COLUMNS, rows)
    return conn.execute(query("put_side_weeks")).rowcount


def _stage_rows(conn: Connection, table: str, columns: tuple[str, ...], rows: pl.DataFrame) -> None:
    stage(conn, query(f"stage_{table}"), columns, rows)
