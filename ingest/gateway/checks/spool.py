"""The spool: is it whole, how much waits, was anything refused.

Of a gateway that runs this is asked by its own word, for the file is open in its hands alone. Of
one that stands still the file is read, and never written: no lock is taken, so that a gateway may
start in the middle of the look.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import apsw

from config.language import _
from ingest.gateway.checks.finding import Finding
from ingest.gateway.damaged_spool import KEPT_DAYS, aside_of
from ingest.gateway.spool_chunks import MAX_BAD_INPUT_KEPT
from ingest.gateway.spool_rows import FIELDS_TAGGED, Tagger


def running_findings(status: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what the status of a running gateway says of its spool."""
    count = {name: value for name, value in status.items() if isinstance(value, int)}
    if status.get("storing") is False:
        yield Finding(
            "spool",
            "bad",
            _("what is heard cannot be stored: memory holds it while there is room, no longer"),
            _("look why: df, dmesg; then make room, or replace the disk. It is tried on and on"),
        )
    if count.get("disk_faults"):
        yield Finding(
            "spool",
            "warn",
            _("the disk failed %(count)d times under it since the start")
            % {"count": count["disk_faults"]},
            _("the disk fails: replace it in good order"),
        )
    if count.get("spool_full"):
        yield Finding(
            "spool",
            "bad",
            _("it was full %(count)d times since the start") % {"count": count["spool_full"]},
            _("see to the connection with the broker, or write a larger spool.quota_mb"),
        )
    if dropped := _number(status, "radio", "dropped_live") + _number(
        status, "scanners", "readings_dropped"
    ):
        yield Finding(
            "spool",
            "bad",
            _("%(count)d readings were heard and lost since the start: memory was full")
            % {"count": dropped},
            _("the disk is too slow, full or sick: see what is said of it"),
        )
    yield from _counted(count)
    yield Finding(
        "spool",
        "ok",
        _("%(stored)d readings stored, %(receipted)d receipted, %(waiting)d batches wait")
        % {
            "stored": count.get("stored", 0),
            "receipted": count.get("receipted", 0),
            "waiting": count.get("waiting_batches", 0),
        },
    )


def aside_findings(path: Path) -> Iterator[Finding]:
    """Yield what is kept of a damaged spool."""
    kept = aside_of(path)
    if kept:
        said = {"mib": -(-sum(file.stat().st_size for file in kept) // 2**20), "days": KEPT_DAYS}
        yield Finding(
            "spool",
            "warn",
            _(
                "it was damaged and has been rebuilt; the damaged file (%(mib)d MiB) stays beside "
                "it for %(days)d days"
            )
            % said,
            _("the disk fails: replace it in good order"),
        )


def resting_findings(path: Path, tag_key: bytes) -> Iterator[Finding]:
    """Yield what the file says while no gateway has it open."""
    if not path.exists():
        yield Finding("spool", "ok", _("none yet: the first start makes it"))
        return
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        yield Finding(
            "spool",
            "ok",
            _("it was not closed in good order; the next start takes up what it had written"),
        )
        return
    try:
        readings, damaged, refused = _looked_through(path, Tagger(tag_key))
    except (apsw.Error, UnicodeDecodeError):
        yield Finding(
            "spool",
            "warn",
            _("pages of the file are damaged"),
            _("start the gateway: it saves every row that is whole and says what is not"),
        )
        return
    if damaged:
        yield Finding(
            "spool",
            "warn",
            _("%(count)d rows are damaged") % {"count": damaged},
            _("start the gateway: it sets them aside and counts them; then look at the disk"),
        )
    yield from _counted({"refused_batches": refused})
    yield Finding("spool", "ok", _("%(readings)d readings wait in it") % {"readings": readings})


def _number(status: Mapping[str, object], part: str, name: str) -> int:
    counts = status.get(part)
    number = counts.get(name) if isinstance(counts, dict) else None
    return number if isinstance(number, int) else 0


def _counted(count: Mapping[str, int]) -> Iterator[Finding]:
    if count.get("refused_batches"):
        yield Finding(
            "spool",
            "bad",
            _("the hub has refused %(count)d batches for good; they are kept")
            % {"count": count["refused_batches"]},
            _("ask the district for the reason: adhere db dead-letter list"),
        )
    if count.get("damaged"):
        yield Finding(
            "spool",
            "warn",
            _("%(count)d readings were lost in damaged rows; the bytes are kept")
            % {"count": count["damaged"]},
            _("the disk fails: replace it in good order"),
        )
    yield from _no_readings(count.get("bad_input", 0))


def _no_readings(heard: int) -> Iterator[Finding]:
    if heard > MAX_BAD_INPUT_KEPT:
        yield Finding(
            "spool",
            "warn",
            _("%(count)d things heard were no readings; the bytes of the first %(kept)d are kept")
            % {"count": heard, "kept": MAX_BAD_INPUT_KEPT},
            _("something here says what we cannot read: see `rejected` in adhere gateway status"),
        )
    elif heard:
        yield Finding(
            "spool",
            "ok",
            _("%(count)d things heard were no readings; the bytes are kept") % {"count": heard},
        )


def _looked_through(path: Path, tagger: Tagger) -> tuple[int, int, int]:
    """Return readings in whole rows, damaged rows, refused batches."""
    readings = damaged = refused = 0
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    uri = f"{path.resolve().as_uri()}?immutable=1"
    with contextlib.closing(apsw.Connection(uri, flags=flags)) as db:
        for table, tagged in FIELDS_TAGGED.items():
            rows = db.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own name
            for number, *fields in rows:
                if len(fields) <= tagged or not tagger.holds(
                    table, number, tuple(fields[:tagged]), fields[tagged]
                ):
                    damaged += 1
                elif isinstance(fields[0], int):
                    readings += fields[0]
        ((refused,),) = db.execute("SELECT count(*) FROM batch WHERE refused IS NOT NULL")
    return readings, damaged, int(refused)
