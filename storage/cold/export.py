"""Writing closed UTC days to the archive.

A day's readings that belong to somebody become part 1; what comes later, or becomes somebody's
later, is a part of its own. A part counts from the moment the database says it is finished: its
files, all fsynced, and its manifest stand by then. What was killed before is begun anew.

Memory holds one piece at a time (PIECE_READINGS and one band's day), however many people there are.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import structlog

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage import audit
from storage.cold import files
from storage.cold.content import READING_TABLES, BandDay, content_hash, content_of, without
from storage.cold.manifest import Band, File, manifest_bytes
from storage.cold.parts import Content, content_of_parts, exported_rows, parts_of
from storage.database import Connection, border, exclusively, require_idle, snapshot
from storage.queries import query

log = structlog.get_logger()

PIECE_READINGS = 2_000_000
"""A file ends after the band that fills it: about 5 MB, and what bounds the memory of an export."""

Watch = Callable[[date, int], None]
"""Is told the day and how many of its readings are written."""


class Exported(NamedTuple):
    """A part that was written."""

    day: date
    part: int
    readings: int
    size: int
    """Bytes."""
    files: int
    manifest_sha256: bytes


class Differing(NamedTuple):
    """What of a day is no longer as it was exported; empty where it is."""

    devices: dict[str, list[int]]
    """By reading table: bands of which the tables may hold more than the files."""


def days_before(conn: Connection, before: date) -> list[date]:
    """Return the closed UTC days before this one of which there may be readings in the tables."""
    if before > datetime.now(UTC).date():
        raise Misconfigured(
            _("%(day)s has not begun: only days that are over (UTC) are exported.")
            % {"day": before}
        )
    with border():
        return [day for (day,) in conn.execute(query("days_with_readings"), {"before": before})]


def export_days(
    conn: Connection,
    days: list[date],
    folder: Path,
    buckets: int,
    *,
    watch: Watch = lambda _day, _readings: None,
) -> Iterator[Exported]:
    """Write what is not yet in the archive, day by day, and yield each part once it is finished.

    `conn` is in autocommit and may read readings. Raises Unavailable while another export is at
    work.
    """
    require_idle(conn)
    with exclusively(conn, "cold") as mine:
        if not mine:
            raise Unavailable(_("another export is at work: wait until it has finished"))
        folder = folder.resolve()
        with files.usable(folder):
            files.make_folder(folder)
            _require_mounted(conn)
            clear_unfinished(conn)
            for day in days:
                done = _export_day(conn, day, folder, buckets, watch)
                if done is not None:
                    yield done


def _require_mounted(conn: Connection) -> None:
    """Raise FileNotFoundError where what was exported last is not there: a disk that is away."""
    for part in {part.folder: part for part in parts_of(conn)}.values():
        files.manifest_path(part.folder, part.day, part.part).stat()


def clear_unfinished(conn: Connection) -> None:
    """Remove what a killed export left behind: files first, so that the row remembers them."""
    with border():
        rows = conn.execute(query("unfinished_cold_parts")).fetchall()
    for day, part, folder in rows:
        files.clear_part(Path(folder), day, part)
        with border():
            conn.execute(query("forget_cold_part"), {"day": day, "part": part})
        log.info("unfinished_part_removed", day=str(day), part=part)


def differing(conn: Connection, day: date, known: list[Content], buckets: int) -> Differing:
    """Compare the tables' hashes with those of what was exported, inside a transaction."""
    hashes = {
        (one.reading_table, one.patient_id, one.device_id, one.content_sha256) for one in known
    }
    devices: dict[str, list[int]] = {}
    for table in READING_TABLES:
        seen = {
            band.device_id
            for band in content_of(conn, table, day, buckets)
            if (table, band.patient_id, band.device_id, band.content_sha256) not in hashes
        }
        if seen:
            devices[table] = sorted(seen)
    return Differing(devices)


def _export_day(
    conn: Connection, day: date, folder: Path, buckets: int, watch: Watch
) -> Exported | None:
    held = [part for part in parts_of(conn, day) if part.dropped_at is None]
    numbers = {part.part: part for part in held}
    known = [one for one in content_of_parts(conn, day) if one.part in numbers]
    with border():
        row = conn.execute(
            query("begin_cold_part"), {"day": day, "folder": str(folder), "buckets": buckets}
        ).fetchone()
    if row is None:
        raise RuntimeError("an INSERT returned nothing")
    writer = _Writer(day, int(str(row[0])), folder, watch)
    with snapshot(conn):
        devices = differing(conn, day, known, buckets).devices if known else None
        for table in READING_TABLES:
            if devices is not None and table not in devices:
                continue
            wanted = None if devices is None else devices[table]
            kept = pl.DataFrame()
            if wanted is not None:
                kept = exported_rows(numbers, known, table, wanted)
            for bucket in range(buckets):
                found = content_of(
                    conn, table, day, buckets, bucket, devices=wanted, with_readings=True
                )
                writer.write(table, bucket, found, kept)
    return _finish(conn, writer, buckets)


class _Writer:
    """Writes the files of one part, and reads each back before the next."""

    def __init__(self, day: date, part: int, folder: Path, watch: Watch) -> None:
        self.day, self.part, self.folder = day, part, folder
        self.files: list[File] = []
        self._watch = watch
        self._readings = 0

    def write(self, table: str, bucket: int, found: Iterator[BandDay], kept: pl.DataFrame) -> None:
        """Write what was found beyond what is `kept` in files already (ROWS of these bands)."""
        waiting: list[tuple[BandDay, pl.DataFrame]] = []
        count = piece = 0
        for band in found:
            rows = band.rows
            if kept.height:
                rows = without(rows, kept.filter(pl.col("device_id") == band.device_id))
            if rows.is_empty():
                continue
            waiting.append((band, rows))
            count += rows.height
            if count >= PIECE_READINGS:
                self._put(table, bucket, piece, waiting)
                waiting, count, piece = [], 0, piece + 1
        if waiting:
            self._put(table, bucket, piece, waiting)

    def _put(
        self, table: str, bucket: int, piece: int, waiting: list[tuple[BandDay, pl.DataFrame]]
    ) -> None:
        name = files.name_of(table, self.part, bucket, piece)
        path = files.day_folder(self.folder, self.day) / name
        files.write_rows(path, table, [(band.person, rows) for band, rows in waiting])
        bands = []
        back = files.bands_in(path, table)
        for (band, rows), (person, device_id, written) in zip(waiting, back, strict=True):
            # What came beyond the files, together with what stands in them, is what the database
            # has hashed: the whole day of the band.
            before = without(band.rows, rows) if rows.height < band.readings else band.rows.clear()
            if (person, device_id) != (band.person, band.device_id) or content_hash(
                band.person, pl.concat([before.select(written.columns), written])
            ) != band.content_sha256:
                raise Misconfigured(
                    _("%(path)s, read back, is not what the database holds: check the disk.")
                    % {"path": path}
                )
            sha256 = band.content_sha256 if before.is_empty() else content_hash(person, written)
            bands.append(Band(band.patient_id, person, device_id, written.height, sha256))
        readings = sum(band.readings for band in bands)
        self.files.append(
            File(
                table,
                bucket,
                piece,
                name,
                readings,
                path.stat().st_size,
                files.sha256_of(path),
                tuple(bands),
            )
        )
        self._readings += readings
        self._watch(self.day, self._readings)


def _finish(conn: Connection, writer: _Writer, buckets: int) -> Exported | None:
    """Put the manifest, then say in one transaction that the part is there."""
    if not writer.files:
        with border():
            conn.execute(query("forget_cold_part"), {"day": writer.day, "part": writer.part})
        return None
    done = put_manifest(writer.day, writer.part, writer.folder, buckets, writer.files)
    with border(), conn.transaction():
        say_finished(conn, done, writer.files)
    log.info(
        "part_exported", day=str(done.day), part=done.part, readings=done.readings, bytes=done.size
    )
    return done


def put_manifest(day: date, part: int, folder: Path, buckets: int, written: list[File]) -> Exported:
    """Write the manifest of a part whose files stand, and return what was written."""
    manifest = manifest_bytes(day, part, buckets, written)
    path = files.manifest_path(folder, day, part)
    files.put(path, lambda unfinished: unfinished.write_bytes(manifest))
    return Exported(
        day,
        part,
        sum(file.readings for file in written),
        sum(file.size for file in written) + len(manifest),
        len(written),
        hashlib.sha256(manifest).digest(),
    )


def say_finished(conn: Connection, done: Exported, written: list[File]) -> None:
    """Let a part count whose manifest stands; the caller commits."""
    place = {"day": done.day, "part": done.part}
    said = {
        "manifest_sha256": done.manifest_sha256,
        "readings": done.readings,
        "bytes": done.size,
    }
    conn.execute(query("finish_cold_part"), place | said)
    with conn.cursor() as cursor, cursor.copy(query("copy_cold_content")) as copy:
        for file in written:
            for band in file.bands:
                copy.write_row(
                    (
                        *(done.day, done.part, file.reading_table, file.bucket, file.piece),
                        *(band.patient_id, band.device_id, band.readings),
                        band.content_sha256,
                    )
                )
    audit.note(
        conn,
        actor="adhere db export",
        action="export_readings",
        subject=f"day {done.day} part {done.part}",
        detail={"readings": done.readings, "manifest_sha256": done.manifest_sha256.hex()},
    )
