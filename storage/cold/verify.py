"""Comparing the archive with the database: bytes, contents, and contents with the tables.

Three questions, each answered from what lies there now: are the bytes those that the manifest
names, and is the manifest the one the database remembers; do the files, read back, hash to what the
database computed out of its tables; and do the tables, as far as their readings are not dropped,
hold what the files hold and nothing more. Only then may a day leave the tables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from config.errors import Misconfigured
from storage.cold import files
from storage.cold.content import READING_TABLES, content_hash, content_of, without
from storage.cold.manifest import File, read_manifest
from storage.cold.parts import Content, Part, content_of_parts, exported_rows, parts_of, stored_rows
from storage.cold.worn import count_given_up, in_spans, worn_on
from storage.database import Connection, border, snapshot
from storage.queries import query

log = structlog.get_logger()

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Fault(NamedTuple):
    """Something that is not as it was written, by a short fixed word."""

    what: str
    """manifest_changed, file_missing, file_changed, content_differs, stray_file, or
    not_in_tables."""
    where: str
    """A file of the archive, or a reading table."""
    readings: int = 0


@dataclass
class Verified:
    """What became of comparing one day."""

    day: date
    parts: tuple[int, ...]
    held: tuple[int, ...]
    """Those of the parts that the tables still hold."""
    readings: int
    """In the files."""
    faults: list[Fault] = field(default_factory=list)
    late: int = 0
    """Readings that belong to somebody and are in the tables alone: export them first."""
    given_up: int = 0
    """Readings in the files that belong to nobody by the assignments of today."""
    nobody_since: datetime = NEVER
    """Since when the newest readings of nobody on this day are nobody's: they came then, or an
    assignment was taken back."""

    @property
    def is_sound(self) -> bool:
        """Whether everything is in the files as it was written."""
        return not self.faults


def verify_days(conn: Connection, days: list[date] | None = None) -> Iterator[Verified]:
    """Compare day by day, and note in the database what is sound and complete.

    `days`: those to look at, of those that are exported; all without. Nothing is repaired.
    """
    of_day: dict[date, list[Part]] = {}
    for part in parts_of(conn):
        if days is None or part.day in days:
            of_day.setdefault(part.day, []).append(part)
    for day, parts in of_day.items():
        yield _verify_day(conn, day, parts)


def _verify_day(conn: Connection, day: date, parts: list[Part]) -> Verified:
    held = {part.part: part for part in parts if part.dropped_at is None}
    seen = Verified(
        day,
        tuple(part.part for part in parts),
        tuple(held),
        sum(part.readings for part in parts),
    )
    known = content_of_parts(conn, day)
    with files.usable(parts[0].folder):
        named: set[Path] = set()
        for part in parts:
            of_part = [one for one in known if one.part == part.part]
            named |= _verify_part(part, of_part, seen.faults)
        # Without its manifest nobody can say which files are a part's.
        listed = seen.is_sound or not any("manifest" in fault.where for fault in seen.faults)
        for folder in {part.folder for part in parts} if listed else ():
            for path in files.files_in(folder, day):
                if path not in named and not path.name.endswith(files.UNFINISHED):
                    seen.faults.append(Fault("stray_file", str(path)))
        if seen.is_sound:
            with snapshot(conn):
                state = conn.execute(query("state_of_day"), {"day": day}).fetchone()
                _compare_with_tables(conn, seen, held, known)
                gone = {part.part: part for part in parts if part.dropped_at is not None}
                seen.given_up += count_given_up(conn, day, gone, known)
            if held and state and seen.is_sound and not seen.late:
                with border():
                    conn.execute(
                        query("verified_cold_parts"),
                        {"day": day, "parts": sorted(held), "state": state[0]},
                    )
    log.info(
        "day_verified",
        day=str(day),
        parts=len(parts),
        readings=seen.readings,
        faults=len(seen.faults),
        late=seen.late,
    )
    return seen


def _verify_part(part: Part, known: list[Content], faults: list[Fault]) -> set[Path]:
    """Look through the files of a part; return the paths it is made of."""
    place = files.day_folder(part.folder, part.day)
    manifest = files.manifest_path(part.folder, part.day, part.part)
    named = {manifest}
    if not manifest.is_file():
        faults.append(Fault("file_missing", str(manifest)))
        return named
    try:
        listed = read_manifest(manifest, part.manifest_sha256)
    except Misconfigured:
        faults.append(Fault("manifest_changed", str(manifest)))
        return named
    remembered: dict[tuple[str, int, int], list[tuple[int, int, bytes]]] = {}
    for one in known:
        remembered.setdefault((one.reading_table, one.bucket, one.piece), []).append(
            (one.device_id, one.readings, one.content_sha256)
        )
    for file in listed:
        path = place / file.name
        named.add(path)
        faults += _faults_of(path, file, remembered.pop(file[:3], []))
    faults += [Fault("file_missing", str(manifest), len(lost)) for lost in remembered.values()]
    return named


def _faults_of(path: Path, file: File, remembered: list[tuple[int, int, bytes]]) -> list[Fault]:
    if not path.is_file():
        return [Fault("file_missing", str(path), file.readings)]
    if path.stat().st_size != file.size or files.sha256_of(path) != file.sha256:
        return [Fault("file_changed", str(path), file.readings)]
    back = sorted(
        (device, rows.height, content_hash(person, rows))
        for person, device, rows in files.bands_in(path, file.reading_table)
    )
    told = sorted((band.device_id, band.readings, band.content_sha256) for band in file.bands)
    if back != told or back != sorted(remembered):
        return [Fault("content_differs", str(path), file.readings)]
    return []


def _compare_with_tables(
    conn: Connection, seen: Verified, held: dict[int, Part], known: list[Content]
) -> None:
    """Compare the tables with the parts that are not dropped: band by band, by hash.

    A band whose hashes are not the same is compared reading by reading: it may have said more
    since, in a part of its own or not yet exported, or have been given to somebody else.
    """
    known = [one for one in known if one.part in held]
    for table in READING_TABLES:
        exported = {
            (one.patient_id, one.device_id, one.content_sha256): one.device_id
            for one in known
            if one.reading_table == table
        }
        in_tables = {
            (band.patient_id, band.device_id, band.content_sha256)
            for band in content_of(conn, table, seen.day, 1)
        }
        other = sorted({device for _patient, device, _sha in exported.keys() ^ in_tables})
        for device in other:
            _compare_band(conn, seen, held, known, table, device)
    row = conn.execute(query("nobody_since"), {"day": seen.day}).fetchone()
    if row and row[0] is not None:
        seen.nobody_since = row[0]


def _compare_band(
    conn: Connection,
    seen: Verified,
    held: dict[int, Part],
    known: list[Content],
    table: str,
    device: int,
) -> None:
    in_files = exported_rows(held, known, table, [device])
    in_tables = stored_rows(conn, seen.day, table, [device])
    worn = worn_on(conn, seen.day, device)
    seen.late += in_spans(without(in_tables, in_files), worn).height
    gone = without(in_files, in_tables)
    # What belongs to nobody any more was purged, and may have been: nobody will ask for it.
    if lost := in_spans(gone, worn).height:
        seen.faults.append(Fault("not_in_tables", table, lost))
    seen.given_up += in_files.height - in_spans(in_files, worn).height
