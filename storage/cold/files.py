"""Files of the archive: whole or not there, never edited, and for nobody else to read.

FOLDER/day=2026-10-01/manifest-1.json
FOLDER/day=2026-10-01/patient_bucket=07/heart_rate-1-0.parquet    table, part, piece
"""

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage import pgcopy
from storage.cold.content import ROWS, SEALED

UNFINISHED = ".unfinished"
VALUE_OF = {"heart_rate": "hr", "steps": "steps"}
"""What the column of values is called where `adhere score` has a name for it; else `value`."""
ROW_GROUP = 100_000
LEVEL = 3
"""Of zstd: 9 saves nothing here and takes three times as long."""
_DAY = re.compile(r"day=(\d{4}-\d\d-\d\d)")
_PART = re.compile(r"manifest-(\d+)\.json")


def day_folder(folder: Path, day: date) -> Path:
    """Return where the files of a UTC day lie."""
    return folder / f"day={day}"


def name_of(reading_table: str, part: int, bucket: int, piece: int) -> str:
    """Return the name of a file within its day's folder."""
    return f"patient_bucket={bucket:02d}/{reading_table}-{part}-{piece}.parquet"


def manifest_path(folder: Path, day: date, part: int) -> Path:
    """Return the manifest of a part."""
    return day_folder(folder, day) / f"manifest-{part}.json"


def manifests_in(folder: Path) -> Iterator[tuple[date, int, Path]]:
    """Yield day, part and path of every manifest of an archive, in their order."""
    found = []
    for path in folder.glob("day=*/manifest-*.json"):
        day, part = _DAY.fullmatch(path.parent.name), _PART.fullmatch(path.name)
        if day and part:
            found.append((date.fromisoformat(day[1]), int(part[1]), path))
    yield from sorted(found)


def files_in(folder: Path, day: date) -> list[Path]:
    """Return every file below the folder of a day, hidden ones as well."""
    return sorted(path for path in day_folder(folder, day).rglob("*") if path.is_file())


@contextlib.contextmanager
def usable(folder: Path) -> Iterator[None]:
    """Turn what the system says of the archive into ours: a full disk may have room again."""
    try:
        yield
    except FileNotFoundError as error:
        raise Misconfigured(
            _("%(path)s is missing in the archive: mount the folder, or restore it from a backup.")
            % {"path": error.filename}
        ) from error
    except PermissionError as error:
        raise Misconfigured(
            _("%(path)s in the archive cannot be used (%(why)s): it belongs to another account.")
            % {"path": error.filename, "why": error.strerror}
        ) from error
    except OSError as error:
        raise Unavailable(
            _("archive %(folder)s: %(fault)s") % {"folder": folder, "fault": error.strerror}
        ) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for ourselves alone and on disk."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def put(path: Path, write: Callable[[Path], object]) -> None:
    """Let `path` appear whole, on disk, or not at all; it must not be there yet."""
    make_folder(path.parent)
    if path.exists():
        raise Misconfigured(
            _(
                "%(path)s is there already, and the database does not know of it: the archive "
                "belongs to another database, or this one was restored; move the file away."
            )
            % {"path": path}
        )
    unfinished = path.with_name(f".{path.name}{UNFINISHED}")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    write(unfinished)
    opened = os.open(unfinished, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
    unfinished.rename(path)
    sync_folder(path.parent)


def clear_part(folder: Path, day: date, part: int) -> None:
    """Remove what a killed export left of a part that the database calls unfinished."""
    for path in files_in(folder, day):
        name = path.name.removeprefix(".").removesuffix(UNFINISHED)
        if name == f"manifest-{part}.json" or re.fullmatch(rf"[a-z_]+-{part}-\d+\.parquet", name):
            path.unlink()


def sha256_of(path: Path) -> bytes:
    """Return the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@lru_cache(maxsize=4096)
def _sha256_of_state(path: Path, _inode: int, _size: int, _changed_ns: int) -> bytes:
    return sha256_of(path)


def sha256_once(path: Path) -> bytes:
    """As `sha256_of`, but a file that is as it was is read once a process."""
    state = path.stat()
    return _sha256_of_state(path, state.st_ino, state.st_size, state.st_ctime_ns)


def write_rows(path: Path, reading_table: str, pieces: list[tuple[str, pl.DataFrame]]) -> None:
    """Write readings (person, ROWS) one band after the other; `path` appears whole.

    Columns: person, ts (UTC), hr | steps | value, span_ms, flags, device_id, batch_id, device_ts_ms
    (null: no stamp) and sealed_ts (of the batch, where there is a stamp).
    """
    people = np.repeat(np.arange(len(pieces)), [rows.height for _person, rows in pieces])
    rows = pl.concat([rows for _person, rows in pieces])
    frame = rows.select(
        pl.Series("person", [person for person, _rows in pieces], pl.String).gather(people),
        (pl.col("at_us") // pgcopy.MS_US + pgcopy.POSTGRES_EPOCH_MS)
        .cast(pl.Datetime("ms", "UTC"))
        .alias("ts"),
        pl.col("value").alias(VALUE_OF.get(reading_table, "value")),
        *("span_ms", "flags", "device_id", "batch_id", "device_ts_ms"),
        pl.col(SEALED).cast(pl.Datetime("ms", "UTC")).alias("sealed_ts"),
    )
    put(
        path,
        lambda unfinished: frame.write_parquet(
            unfinished, compression="zstd", compression_level=LEVEL, row_group_size=ROW_GROUP
        ),
    )


def rows_in(path: Path, reading_table: str) -> pl.LazyFrame:
    """Return person, ROWS and SEALED of a file, to be read."""
    return pl.scan_parquet(path, hive_partitioning=False).select(
        "person",
        "device_id",
        ((pl.col("ts").dt.epoch("ms") - pgcopy.POSTGRES_EPOCH_MS) * pgcopy.MS_US).alias("at_us"),
        *("batch_id", "device_ts_ms", "span_ms", "flags"),
        pl.col(VALUE_OF.get(reading_table, "value")).alias("value"),
        pl.col("sealed_ts").dt.epoch("ms").alias(SEALED),
    )


def bands_in(path: Path, reading_table: str) -> Iterator[tuple[str, int, pl.DataFrame]]:
    """Yield person, device and ROWS of each band of a file, which is read whole."""
    rows = rows_in(path, reading_table).collect()
    for (person, device), some in rows.group_by("person", "device_id", maintain_order=True):
        yield str(person), int(str(device)), some.select(pl.Schema(ROWS).names())
