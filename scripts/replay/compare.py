"""Is what the database holds what `adhere score` computes from the same input? To the second."""

from dataclasses import dataclass

import polars as pl

from adherence.schema import BOUT, DAY, WEEK
from config.conventions import Conventions
from scripts.replay.freeze import Case
from scripts.replay.recording import Recording
from scripts.score.stages import score
from storage import results
from storage.database import Connection

RATIO_TOLERANCE = 1e-6
NOT_COMPARED = {"version", "person"}
KEYS = {"day": ["case", "date"], "bout": ["case", "start_ms"], "week": ["case", "week"]}


@dataclass(frozen=True)
class Compared:
    """One table of results, from the file and from the database."""

    table: str
    rows: int
    """By `score`, within the enrolled weeks."""
    outside: int
    """By `score`, outside them: days with steps alone."""
    missing: int
    unexpected: int
    different: int
    columns: tuple[str, ...]
    """In which rows differ."""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.unexpected or self.different)


def compare(
    conn: Connection, recording: Recording, cases: tuple[Case, ...], conventions: Conventions
) -> tuple[Compared, ...]:
    """Score the recording and compare day, bout and week with what is stored."""
    result = score(
        recording.samples().collect(), recording.step_rows().collect(), recording.cases, conventions
    )
    scored = {"day": result.days, "bout": result.bouts, "week": result.weeks}
    stored = stored_results(conn, recording)
    spans = pl.DataFrame(
        [(case.case, case.starts_on, case.ends_on) for case in cases],
        schema={"case": pl.String, "starts_on": pl.Date, "ends_on": pl.Date},
        orient="row",
    )
    return tuple(
        _compared(table, scored[table], stored[table], spans) for table in ("day", "bout", "week")
    )


def stored_results(conn: Connection, recording: Recording) -> dict[str, pl.DataFrame]:
    """Return the recording's stored results, in the words of the core."""
    suffix = recording.identities.label("")

    def ours(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("case_label").str.ends_with(suffix)).with_columns(
            case=pl.col("case_label").str.strip_suffix(suffix),
            person=pl.col("pseudonym").str.strip_suffix(suffix),
        )

    bouts = ours(results.bouts(conn)).with_columns(
        start_ms=pl.col("start_at").dt.epoch("ms"), end_ms=pl.col("end_at").dt.epoch("ms")
    )
    return {"day": ours(results.days(conn)), "bout": bouts, "week": ours(results.weeks(conn))}


def _compared(
    table: str, scored: pl.DataFrame, stored: pl.DataFrame, spans: pl.DataFrame
) -> Compared:
    key = KEYS[table]
    columns = [
        name
        for name in {"day": DAY, "bout": BOUT, "week": WEEK}[table]
        if name not in NOT_COMPARED | set(key)
    ]
    day = pl.col("week" if table == "week" else "date")
    within = scored.join(spans, on="case").filter(
        (day >= pl.col("starts_on")) & (day < pl.col("ends_on"))
    )
    if table == "week":  # a case without figures has weeks that say so; `score` lists none
        # and an enrolled week before or after everything recorded is an empty one.
        stored = stored.join(within.select("case").unique(), on="case", how="semi").filter(
            (pl.col("wear_min") > 0)
            | pl.struct(key).is_in(within.select(pl.struct(key)).to_series().implode())
        )
    both = within.select(*key, *columns).join(
        stored.select(*key, *columns), on=key, suffix="_stored", how="inner"
    )
    differs = {name: _differs(name, both.schema[name]) for name in columns}
    rows = both.select(**differs)
    return Compared(
        table=table,
        rows=within.height,
        outside=scored.height - within.height,
        missing=within.join(stored, on=key, how="anti").height,
        unexpected=stored.join(within, on=key, how="anti").height,
        different=int(rows.select(pl.any_horizontal(pl.all()).sum()).item() or 0),
        columns=tuple(name for name in columns if rows[name].any()),
    )


def _differs(name: str, dtype: pl.DataType) -> pl.Expr:
    here, there = pl.col(name), pl.col(f"{name}_stored")
    if dtype.is_float():
        far = (here - there).abs() > RATIO_TOLERANCE
        return far.fill_null(value=False) | (here.is_null() != there.is_null())
    return here.ne_missing(there)
