"""The archive of `adhere db export`, read without the database, as the files of `adhere score`.

Its readings are as bands gave them: what a band's memory said twice is left out here as it is out
of the tables (docs/why/band-memory.md). Steps are those of minutes; running totals and longer spans
have no minute, and what a day comes to by them is for the night to say. Whose a reading is stands
in the files as it was known when they were written: a later correction is in the database alone.
"""

from functools import partial
from pathlib import Path

import polars as pl
import structlog

from config.errors import Misconfigured
from config.language import _
from scripts.score.disk import stored_for_a_while
from storage import pgcopy
from storage.cold import files
from storage.cold.manifest import File, read_manifest
from storage.memory import STAMPED, repeats_in, same_clock_bands
from storage.readings import LONGEST_MINUTE_SPAN_MS, each_once

log = structlog.get_logger()

BLOCK_READINGS = 4_000_000
"""Readings of whole people in memory at a time."""
TABLE_OF = {"hr": "heart_rate", "steps": "steps"}
"""What the archive calls the values of a file of `adhere score`."""
STAMPED_TABLES = ("heart_rate", "steps", "steps_counter")
_STAMPED_COLUMNS = ("device_id", "device_ts_ms", "ts", "value", "span_ms", "sealed_ms")


def manifests_of(path: Path) -> list[Path]:
    """Return the manifests of an archive, in their order."""
    return [manifest for _day, _part, manifest in files.manifests_in(path)]


def is_archive(path: Path) -> bool:
    """Whether the folder is one that `adhere db export` writes."""
    return path.is_dir() and bool(manifests_of(path))


def unpacked(archive: Path, value: str, spool: Path) -> list[Path]:
    """Write the readings of an archive as files of person, ts and `value`; return these.

    People come one after the other, some million readings at a time. Raises Misconfigured where a
    file is missing or is not the one that its manifest names.
    """
    table = TABLE_OF[value]
    with files.usable(archive):
        listed = {name: _listed(archive, name) for name in STAMPED_TABLES}
    again = _said_again(listed)
    if value == "steps":
        _tell_left_out(listed)
    found = []
    for number, (people, paths) in enumerate(_blocks(listed[table])):
        target = spool / f"archive-{value}-{number}.parquet"
        frame = _readings(table, value, people, paths, again)
        stored_for_a_while(partial(frame.write_parquet, target), target)
        found.append(target)
    if not found:
        raise Misconfigured(
            _("the archive %(path)s holds no readings of %(what)s")
            % {"path": archive, "what": table}
        )
    return found


def _listed(archive: Path, table: str) -> list[tuple[Path, File]]:
    """Return the files of a reading table, each one compared with its manifest."""
    listed = []
    for manifest in manifests_of(archive):
        for file in read_manifest(manifest, None):
            if file.reading_table == table:
                path = manifest.parent / file.name
                if files.sha256_once(path) != file.sha256:
                    raise Misconfigured(
                        _("%(path)s was changed after it was written: restore it from a backup.")
                        % {"path": path}
                    )
                listed.append((path, file))
    return listed


def _blocks(listed: list[tuple[Path, File]]) -> list[tuple[list[str], list[Path]]]:
    """Part the people; return some of them at a time, with the files that hold them."""
    readings: dict[str, int] = {}
    places: dict[str, set[Path]] = {}
    for path, file in listed:
        for band in file.bands:
            readings[band.person] = readings.get(band.person, 0) + band.readings
            places.setdefault(band.person, set()).add(path)
    blocks: list[tuple[list[str], list[Path]]] = []
    people: list[str] = []
    waiting = 0
    for person in sorted(readings):
        people.append(person)
        waiting += readings[person]
        if waiting >= BLOCK_READINGS:
            blocks.append((people, sorted(set().union(*(places[one] for one in people)))))
            people, waiting = [], 0
    if people:
        blocks.append((people, sorted(set().union(*(places[one] for one in people)))))
    return blocks


def _scan(paths: list[Path], table: str) -> pl.LazyFrame:
    """Return person, device_id, ts (ms UTC), device_ts_ms, span_ms, value and sealed_ms."""
    rows = pl.concat([files.rows_in(path, table) for path in paths])
    return rows.with_columns(ts=pl.col("at_us") // pgcopy.MS_US + pgcopy.POSTGRES_EPOCH_MS)


def _readings(
    table: str, value: str, people: list[str], paths: list[Path], again: pl.DataFrame
) -> pl.DataFrame:
    """Return person, ts and value of these people, sorted: what counts of what the bands gave."""
    rows = _scan(paths, table).filter(pl.col("person").is_in(people))
    if table == "steps":
        rows = rows.filter(pl.col("span_ms") <= LONGEST_MINUTE_SPAN_MS)
    read = rows.select("person", "device_id", "ts", "device_ts_ms", "value", "span_ms").collect()
    stamped = read.filter(pl.col("device_ts_ms").is_not_null()).join(
        again.filter(pl.col("reading_table") == table),
        on=["device_id", "device_ts_ms", "ts", "value"],
        how="anti",
    )
    same = ["place", "device_id", "value", *(["span_ms"] if table == "steps" else [])]
    once = each_once(stamped.rename({"person": "place"}), same)
    heard = read.filter(pl.col("device_ts_ms").is_null())
    return (
        pl.concat(
            [
                heard.select("person", "ts", "value"),
                once.select(pl.col("place").alias("person"), "ts", "value"),
            ]
        )
        .sort("person", "ts")
        .select(
            "person",
            pl.col("ts").cast(pl.Datetime("ms", "UTC")),
            pl.col("value").alias(value),
        )
    )


def _said_again(listed: dict[str, list[tuple[Path, File]]]) -> pl.DataFrame:
    """Return STAMPED: what bands whose clock was another once said again."""
    frames = [
        _scan([path for path, _file in some], table)
        .filter(pl.col("device_ts_ms").is_not_null())
        .select(pl.lit(table).alias("reading_table"), *_STAMPED_COLUMNS)
        for table, some in listed.items()
        if some
    ]
    if not frames:
        return pl.DataFrame(schema=STAMPED)
    stamped = pl.concat(frames)
    bands = same_clock_bands(stamped)
    others = stamped.join(bands, on="device_id", how="anti")
    return repeats_in(
        others.group_by(*STAMPED.names()[:-1])
        .agg(pl.col("sealed_ms").min())
        .collect(engine="streaming")
        .cast(pl.Schema(STAMPED))
    )


def _tell_left_out(listed: dict[str, list[tuple[Path, File]]]) -> None:
    """Say how much of the steps is not by the minute."""
    totals = sum(file.readings for _path, file in listed["steps_counter"])
    spans = 0
    if listed["steps"]:
        rows = _scan([path for path, _file in listed["steps"]], "steps")
        longer = rows.filter(pl.col("span_ms") > LONGEST_MINUTE_SPAN_MS).select(pl.len())
        spans = longer.collect(engine="streaming").item()
    if totals or spans:
        log.warning("steps_left_out", running_totals=totals, longer_spans=spans)
