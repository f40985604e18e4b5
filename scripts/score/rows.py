"""The rows of a file of readings, read a piece at a time where they lie.

Text is parsed once, into Parquet in a folder for a while: so a row is found by its number in any
file, and no file has to be in memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from config.conventions import Conventions
from config.errors import Misconfigured
from config.language import _
from scripts.score.archive import is_archive, manifests_of, unpacked
from scripts.score.disk import stored_for_a_while
from scripts.score.keys import can_name, key
from scripts.score.rules import (
    FAILURES,
    FAR_TIME,
    NO_NUMBER,
    NO_PERSON,
    NO_TIME,
    SENTENCES,
    Shape,
)
from scripts.score.table import (
    BEYOND,
    RAGGED,
    ROW,
    SHOWN_ROWS,
    can_count,
    fault,
    first_row,
    number,
    places,
    readable,
)
from scripts.score.table import scan as scan_table
from scripts.score.times import can_tell_time, instant, is_far, keeps_every_time

MOST_RUNS = 1_000_000
"""Of rows of one person, in memory at a time: more are counted by person straight away."""


@dataclass(frozen=True)
class Rows:
    """One file of readings: how to read its columns, and how to see that a row breaks a rule."""

    path: Path
    shape: Shape
    raw: pl.LazyFrame
    """ROW and all columns as the file has them, each row at its place."""
    person: pl.Expr
    ts: pl.Expr
    """Int64 ms UTC."""
    value: pl.Expr
    """A number of any type."""
    breaks: Mapping[str, pl.Expr]
    """By rule, whether a row breaks it; no type of column here can break another."""
    is_csv: bool

    def good(self) -> pl.LazyFrame:
        """Return person, ts and value of the rows that break no rule, in their order."""
        kept = self.raw
        if self.breaks:
            kept = kept.filter(~pl.any_horizontal(*self.breaks.values()))
        return kept.select(
            self.person.alias("person"), self.ts.alias("ts"), self.value.alias(self.shape.value)
        )


def open_rows(
    path: Path, shape: Shape, *, zone: str, conventions: Conventions, spool: Path
) -> list[Rows]:
    """Look at a file, or at each of a folder of Parquet files, and return how to read it.

    Raises Misconfigured where a column is missing or cannot hold what it is for. `zone` is the
    site's, for times without one; `spool` is a folder for what had to be parsed.
    """
    opened = unpacked(path, shape.value, spool) if is_archive(path) else files_of(path)
    return [
        _opened(file, shape, zone, conventions, spool / f"{shape.table}-{number_}.parquet")
        for number_, file in enumerate(opened)
    ]


def files_of(path: Path) -> list[Path]:
    """Return the file, the Parquet files of the folder, or the manifests of an archive."""
    if not path.is_dir():
        return [path]
    if is_archive(path):  # they hold the hashes of all its files
        return manifests_of(path)
    if files := sorted(path.glob("*.parquet")):
        return files
    raise Misconfigured(_("the folder %(path)s holds no Parquet file") % {"path": path})


def _opened(
    path: Path, shape: Shape, zone: str, conventions: Conventions, spool_file: Path
) -> Rows:
    raw, is_csv = scan_table(path, shape.columns)
    schema = readable(raw.collect_schema, path)
    _refuse_useless_types(path, shape, schema)
    person = key("person", schema["person"])
    if is_csv:  # blanks around a name are the file's, not the name's
        person = person.str.strip_chars()
    ts = instant("ts", schema["ts"], zone=zone, conventions=conventions)
    far = is_far("ts", schema["ts"])
    no_time = ts.is_null() & ~far.fill_null(value=False)
    value, no_number = number(shape.value, schema[shape.value])
    if pl.String not in (schema["ts"], schema[shape.value]):
        if schema[shape.value].is_integer():  # need not be made wider here
            value = pl.col(shape.value)
        if keeps_every_time(schema["ts"], zone=zone, conventions=conventions):
            no_time = pl.col("ts").is_null()  # which Parquet's statistics know
        breaks = {NO_PERSON: person.is_null(), NO_TIME: no_time, FAR_TIME: far}
        return Rows(path, shape, raw, person, ts, value, breaks, is_csv)
    columns = {"person": person, "ts": ts, shape.value: value}
    if schema["ts"] == pl.String:  # of which a year may be read though the whole is no time
        no_time, far = ts.is_null(), far & ts.is_not_null()
    found = {NO_PERSON: person.is_null(), NO_TIME: no_time, FAR_TIME: far.fill_null(value=False)}
    found[NO_NUMBER] = no_number
    if is_csv:  # where fields have shifted, what stands in which column is anybody's guess
        ragged = pl.col(BEYOND).is_not_null()
        found = {rule: broken & ~ragged for rule, broken in found.items()} | {RAGGED: ragged}
    spooled(raw.select(**columns, **found), spool_file, path)
    breaks = {rule: pl.col(rule) for rule in found}
    return replace(ours(spool_file, shape), path=path, breaks=breaks, is_csv=is_csv)


def ours(path: Path, shape: Shape) -> Rows:
    """Return the rows of a file that we wrote: parsed, and no rule broken."""
    columns = (pl.col("person"), pl.col("ts"), pl.col(shape.value))
    raw = pl.scan_parquet(path, row_index_name=ROW)
    return Rows(path, shape, raw, *columns, breaks={}, is_csv=False)


def _refuse_useless_types(path: Path, shape: Shape, schema: pl.Schema) -> None:
    able = {NO_PERSON: can_name, NO_TIME: can_tell_time, NO_NUMBER: can_count}
    faults = [
        fault(path, column, _("every row"), _(SENTENCES[rule]))
        for rule, column in shape.rules.items()
        if rule in able and not able[rule](schema[column])
    ]
    if faults:
        raise Misconfigured("\n".join(faults))


def spooled(frame: pl.LazyFrame, target: Path, source: Path) -> None:
    """Write what is read from `source` to a file of ours, a piece at a time."""
    readable(
        lambda: stored_for_a_while(
            lambda: frame.sink_parquet(target, compression="lz4"),
            target,
        ),
        source,
    )


def people_of(rows: Rows) -> pl.DataFrame:
    """Return, for each person of a file: person, first (row, from 0), last, rows.

    A person's rows lie together where last - first + 1 = rows. Person null: the rows of nobody.
    """
    people = rows.raw.select(ROW, "person")
    starts = people.filter(
        pl.col("person").ne_missing(pl.col("person").shift()) | (pl.col(ROW) == 0)
    ).head(MOST_RUNS)
    runs = readable(lambda: starts.collect(engine="streaming"), rows.path)
    total = readable(rows.raw.select(pl.len()).collect, rows.path).item()
    end = pl.col(ROW).shift(-1, fill_value=total)
    found = runs.select("person", first=ROW, last=end - 1, rows=end - pl.col(ROW))
    if runs.height == MOST_RUNS:
        by_person = people.group_by("person").agg(
            first=pl.col(ROW).min(), last=pl.col(ROW).max(), rows=pl.len()
        )
        found = readable(lambda: by_person.collect(engine="streaming"), rows.path)
    return (
        found.with_columns(person=rows.person)
        .cast({"first": pl.Int64, "last": pl.Int64, "rows": pl.Int64})
        .group_by("person")
        .agg(pl.col("first").min(), pl.col("last").max(), pl.col("rows").sum())
        .sort("first")
    )


def failures_of(rows: Rows, people: pl.DataFrame) -> pl.DataFrame:
    """Return FAILURES of a file, of which `people_of` is known."""
    breaks = dict(rows.breaks)
    if not people["person"].has_nulls():
        breaks.pop(NO_PERSON, None)
    row = pl.col(ROW).cast(pl.Int64) + first_row(is_csv=rows.is_csv)
    # Each rule by itself: Parquet's statistics can say at once that no time is missing.
    asked = [
        rows.raw.filter(broken).select(
            rows=pl.len().cast(pl.Int64), first_rows=row.bottom_k(SHOWN_ROWS).sort().implode()
        )
        for broken in breaks.values()
    ]
    found = readable(lambda: pl.collect_all(asked, engine="streaming"), rows.path)
    return pl.DataFrame(
        [
            (rows.shape.table, rows.path.name, rule, *one.row(0))
            for rule, one in zip(breaks, found, strict=True)
            if one.item(0, "rows")
        ],
        schema=FAILURES,
        orient="row",
    )


def in_words(failure: Mapping[str, object], rows: Rows) -> str:
    """Return one sentence for a row of FAILURES."""
    rule = str(failure["rule"])
    where = places(failure["first_rows"], failure["rows"], is_csv=rows.is_csv)  # type: ignore[arg-type]
    return fault(rows.path, rows.shape.rules.get(rule), where, _(SENTENCES[rule]))
