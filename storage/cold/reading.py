"""Readings of dropped days, out of their files, as `storage.readings` has them out of the tables.

The database says which file holds what of which band, and by whom a band was worn is asked of the
assignments of today: so a correction after the export counts as it would in the tables. A part that
is not dropped is not read: its readings are in the tables still.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import polars as pl

from config.errors import Misconfigured
from config.language import _
from storage import pgcopy
from storage.cold import files
from storage.cold.content import SEALED
from storage.cold.manifest import read_manifest
from storage.database import Connection, border
from storage.queries import query

FRAMES = pl.Schema(
    {
        "window": pl.Int64,
        "device_id": pl.Int32,
        "ts": pl.Int64,
        "value": pl.Float64,
        "span_ms": pl.Int32,
        "device_ts_ms": pl.Int64,
    }
)
"""Readings of a window's bands; `ts` is ms UTC, `device_ts_ms` null without a stamp."""
_FILE = ("day", "part", "folder", "manifest_sha256", "bucket", "piece")
_ASKED = pl.Schema(
    {"window": pl.Int64, "device_id": pl.Int32, "from_ms": pl.Int64, "to_ms": pl.Int64}
)


class _File(NamedTuple):
    """Where a file of the archive is, and the hash of the manifest that names it."""

    day: date
    part: int
    folder: str
    manifest_sha256: bytes
    bucket: int
    piece: int

    def scan(self, reading_table: str) -> pl.LazyFrame:
        """Return person and ROWS of the file, unchanged since it was written."""
        folder = Path(self.folder)
        with files.usable(folder):
            name = files.name_of(reading_table, self.part, self.bucket, self.piece)
            path = files.day_folder(folder, self.day) / name
            manifest = files.manifest_path(folder, self.day, self.part)
            if files.sha256_once(manifest) != self.manifest_sha256:
                raise _changed(manifest)
            if files.sha256_once(path) != _hashes(manifest, self.manifest_sha256).get(name):
                raise _changed(path)
            return files.rows_in(path, reading_table)


@lru_cache(maxsize=64)
def _hashes(manifest: Path, sha256: bytes) -> dict[str, bytes]:
    """Return the hash of each file that a manifest names."""
    return {file.name: file.sha256 for file in read_manifest(manifest, sha256)}


def _changed(path: Path) -> Misconfigured:
    return Misconfigured(
        _("%(path)s was changed after it was written: restore it from a backup.") % {"path": path}
    )


def readings_in_files(
    conn: Connection,
    reading_table: str,
    spans: pl.DataFrame,
    longest_span_ms: int,
    without: Sequence[int],
    *,
    beside: Sequence[str] = (),
) -> Iterator[pl.DataFrame]:
    """Yield FRAMES of the spans (SPANS of `storage.readings`), file by file; mostly none.

    `beside` names further columns: `batch_id`, `flags`. Readings of longer spans, and those of the
    batches `without`, are left out. Raises Misconfigured where a file is missing or changed: then a
    day would look as if nothing had been said.
    """
    if spans.is_empty():
        return
    bounds = {"first": _day(spans["from_ms"].min()), "last": _day(spans["to_ms"].max())}
    with border():
        row = conn.execute(query("are_days_cold"), bounds).fetchone()
        if not (row and row[0]):
            return
        asked = {name: spans[name].to_list() for name in spans.columns}
        found = conn.execute(
            query("cold_files_of"), asked | {"reading_table": reading_table}
        ).fetchall()
    for file, rows in groupby(found, key=lambda row: _File(*row[: len(_FILE)])):
        wanted = pl.DataFrame([row[len(_FILE) :] for row in rows], schema=_ASKED, orient="row")
        yield (
            file.scan(reading_table)
            .filter(
                pl.col("device_id").is_in(wanted["device_id"].unique().to_list()),
                pl.col("span_ms") <= longest_span_ms,
                ~pl.col("batch_id").is_in(list(without)),
            )
            .with_columns(ts=_utc_ms())
            .join(wanted.lazy(), on="device_id")
            .filter(pl.col("ts").is_between("from_ms", "to_ms", closed="left"))
            .select(*FRAMES, *beside)
            .collect()
        )


def stamped_in_files(conn: Connection, devices: list[int]) -> list[tuple[object, ...]]:
    """Return what `stamped_readings` does of the tables: all readings of these bands with a stamp.

    reading_table, device, stamp, ts (ms UTC), value, span_ms, when the batch was sealed (ms UTC).
    """
    with border():
        found = conn.execute(query("cold_files_of_bands"), {"devices": devices}).fetchall()
    said: list[tuple[object, ...]] = []
    for reading_table, *place, bands in found:
        rows = (
            _File(*place)
            .scan(reading_table)
            .filter(pl.col("device_id").is_in(bands), pl.col("device_ts_ms").is_not_null())
            .select(
                pl.lit(reading_table).alias("reading_table"),
                *("device_id", "device_ts_ms"),
                _utc_ms().alias("ts"),
                *("value", "span_ms", SEALED),
            )
        )
        said += rows.collect().rows()
    return said


def _utc_ms() -> pl.Expr:
    return pl.col("at_us") // pgcopy.MS_US + pgcopy.POSTGRES_EPOCH_MS


def _day(utc_ms: object) -> date:
    """Return the UTC day of a time, within what readings can have and a date can hold."""
    seconds = min(max(int(str(utc_ms)) // 1000, -(10**10)), 2 * 10**11)
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).date()
