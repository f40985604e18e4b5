"""Nobody's readings out of files: what became nobody's after its day was dropped.

A part with such readings is replaced by a new part without them, under a manifest of its own; then
the old files are deleted. Until the database names the new part the old one counts, and from then
on the old one is what a killed export leaves behind: the next export or purge removes it.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import polars as pl
import structlog

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage import said_before
from storage.cold import files
from storage.cold.content import content_hash
from storage.cold.export import clear_unfinished, put_manifest, say_finished
from storage.cold.manifest import Band, File, read_manifest
from storage.cold.parts import Content, Part, content_of_parts, exported_rows, parts_of
from storage.cold.worn import Span, during, in_spans, not_worn_all_day, worn_on
from storage.database import Connection, alone_with_days, border, exclusively, require_idle
from storage.queries import query

log = structlog.get_logger()

Spans = Mapping[int, list[Span]]
"""By band: when its readings stay. Of a band that is not here all stay."""


class Purged(NamedTuple):
    """A part that was replaced."""

    day: date
    part: int
    by: int | None
    """The part that has what stays; None: nothing does."""
    readings: int
    """Deleted."""


class _Left(NamedTuple):
    """What became of a file: the new one, if anything stays, and what does not."""

    file: File | None
    gone: pl.DataFrame


def purge_days(conn: Connection, *, came_before: date) -> Iterator[Purged]:
    """Rewrite the parts of dropped days without what is nobody's, and yield each when it is done.

    A reading stays as long as its band is assigned to anybody then, or an assignment of then was
    taken back on `came_before` (UTC) or later. `conn` is in autocommit and works as the core.
    Raises Unavailable while an export or a night is at work, Misconfigured where a file is missing
    or changed. Looks at no part but those that policies or a drop have marked.
    """
    require_idle(conn)
    with exclusively(conn, "cold") as mine, exclusively(conn, "nightly") as alone:
        if not mine:
            raise Unavailable(_("another export is at work: wait until it has finished"))
        if not alone:
            raise Unavailable(_("a nightly run is at work: purge when it has finished"))
        clear_unfinished(conn)
        with border():
            due = set(conn.execute(query("cold_parts_with_unowned")).fetchall())
        for part in parts_of(conn):
            if (part.day, part.part) not in due:
                continue
            with files.usable(part.folder):
                done = _purge_part(conn, part, came_before)
            if done is not None:
                yield done


def _purge_part(conn: Connection, part: Part, came_before: date) -> Purged | None:
    place = {"day": part.day, "part": part.part}
    contents = [one for one in content_of_parts(conn, part.day) if one.part == part.part]
    listed = _sound_files(part)
    spans = _spans_to_stay(conn, part, contents, came_before)
    if not spans:  # what is waiting yet is noted again when its days are over
        with border():
            conn.execute(query("have_no_unowned"), place)
        return None
    given = {"day": part.day, "folder": str(part.folder), "buckets": part.buckets}
    with border():
        row = conn.execute(query("begin_cold_part"), given).fetchone()
    if row is None:
        raise RuntimeError("an INSERT returned nothing")
    number = int(str(row[0]))
    left = [_rewritten(part, number, file, contents, spans) for file in listed]
    written = [one.file for one in left if one.file is not None]
    new = put_manifest(part.day, number, part.folder, part.buckets, written) if written else None
    gone = pl.concat([one.gone for one in left])
    with border(), alone_with_days(conn), conn.transaction():
        bands = {"devices": list(spans)}
        held = conn.execute(query("hold_bands"), bands).fetchone()
        if conn.execute(query("count_assignments_of_bands"), bands).fetchone() != held:
            raise Misconfigured(_("the assignments are hidden from this role: nothing is deleted"))
        if {band: _stays(conn, part.day, band, came_before) for band in spans} != spans:
            raise Unavailable(_("a band changed hands meanwhile: purge again"))
        said_before.remember(conn, gone.filter(pl.col("device_ts_ms").is_not_null()))
        if new is None:
            conn.execute(query("forget_cold_part"), place | {"part": number})
        else:
            say_finished(conn, new, written)
        by = {"by": new.part if new else None, "readings": gone.height}
        conn.execute(query("replace_cold_part"), place | by)
    files.clear_part(part.folder, part.day, part.part)
    with border():
        conn.execute(query("forget_cold_part"), place)
    done = Purged(part.day, part.part, number if written else None, gone.height)
    log.info("part_purged", day=str(part.day), part=part.part, readings=gone.height)
    return done


def _sound_files(part: Part) -> list[File]:
    """Return the files of a part, all of them as they were written."""
    manifest = files.manifest_path(part.folder, part.day, part.part)
    listed = read_manifest(manifest, part.manifest_sha256)
    for file in listed:
        path = files.day_folder(part.folder, part.day) / file.name
        if files.sha256_of(path) != file.sha256:
            raise Misconfigured(
                _("%(path)s was changed after it was written: restore it from a backup.")
                % {"path": path}
            )
    return listed


def _spans_to_stay(
    conn: Connection, part: Part, contents: list[Content], came_before: date
) -> Spans:
    """Return the spans of the bands that have readings to be deleted, mostly of none."""
    found = {}
    only = {part.part: part}
    with border():
        for device in not_worn_all_day(conn, part.day, only):
            spans = _stays(conn, part.day, device, came_before)
            tables = {one.reading_table for one in contents if one.device_id == device}
            for table in tables:
                rows = exported_rows(only, contents, table, [device])
                if in_spans(rows, spans).height < rows.height:
                    found[device] = spans
    return found


def _rewritten(part: Part, number: int, file: File, contents: list[Content], spans: Spans) -> _Left:
    """Write what stays of a file into the new part, and read it back."""
    place = files.day_folder(part.folder, part.day)
    old, table = place / file.name, file.reading_table
    patients = {
        (one.device_id, one.content_sha256): one.patient_id
        for one in contents
        if (one.reading_table, one.bucket, one.piece) == (table, file.bucket, file.piece)
    }
    owners = {
        (band.person, band.device_id): patients[band.device_id, band.content_sha256]
        for band in file.bands
    }
    rows = files.rows_in(old, table).collect()
    gone = [rows.clear()]
    stay: list[tuple[str, int, pl.DataFrame]] = []
    for (person, device), some in rows.group_by("person", "device_id", maintain_order=True):
        device_id = int(str(device))
        stays = during(spans[device_id]) if device_id in spans else pl.lit(value=True)
        gone.append(some.filter(~stays))
        if (kept := some.filter(stays)).height:
            stay.append((str(person), device_id, kept.drop("person")))
    left = pl.concat(gone).drop("person").with_columns(reading_table=pl.lit(table))
    if not stay:
        return _Left(None, left)
    path = place / files.name_of(table, number, file.bucket, file.piece)
    files.write_rows(path, table, [(person, kept) for person, _device, kept in stay])
    bands = []
    for (person, device_id, kept), (*whose, back) in zip(
        stay, files.bands_in(path, table), strict=True
    ):
        sha256 = content_hash(person, kept)
        if whose != [person, device_id] or content_hash(person, back) != sha256:
            raise Misconfigured(
                _("%(path)s, read back, is not what was written: check the disk.") % {"path": path}
            )
        bands.append(Band(owners[person, device_id], person, device_id, kept.height, sha256))
    return _Left(_file(path, table, file, tuple(bands)), left)


def _stays(conn: Connection, day: date, device: int, came_before: date) -> list[Span]:
    asked = {"day": day, "device": device, "came_before": came_before}
    return worn_on(conn, day, device) + conn.execute(query("waiting_on_day"), asked).fetchall()


def _file(path: Path, table: str, old: File, bands: tuple[Band, ...]) -> File:
    return File(
        table,
        old.bucket,
        old.piece,
        f"{path.parent.name}/{path.name}",
        sum(band.readings for band in bands),
        path.stat().st_size,
        files.sha256_of(path),
        bands,
    )
