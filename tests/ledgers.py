"""What a box has sealed, and the part of it that has come: for tests of the ledger."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

BOOT = bytes(range(16))
NOON = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=2)
"""The beginning of an hour, some days ago."""


class Sealed(NamedTuple):
    """What a box has sealed: one batch of `count` readings."""

    seq: int
    count: int
    before: int | None
    at: datetime
    previous: bytes | None
    sha256: bytes
    lost: tuple[int, int, int] = (0, 0, 0)


def a_spool(counts, *, every=timedelta(minutes=17), says_count=True, first_seq=0):
    """The batches of one spool file, sealed one after the other."""
    batches, before, previous = [], 0, None
    for number, count in enumerate(counts):
        seq = first_seq + number
        sha256 = hashlib.sha256(b"%d %d" % (seq, count)).digest()
        at = NOON + number * every
        said = before if says_count else None
        batches.append(Sealed(seq, count, said, at, previous, sha256))
        before, previous = before + count, sha256
    return batches


def store(conn, gateway_id, batches, *, boot=BOOT, came_at=None):
    """Put batches into the ledger as the hub does: in one statement."""
    with conn.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO batch (gateway_id, boot, seq, content_sha256, previous_sha256, lane,"
            " schema_version, sealed_at, sealed_mono_ms, reading_count, quarantined_count,"
            " readings_before, committed_at)"
            " VALUES (%s, %s, %s, %s, %s, 'live', 1, %s, 0, %s, 0, %s, %s) RETURNING id",
            [
                (
                    *(gateway_id, boot, one.seq, one.sha256, one.previous, one.at, one.count),
                    *(one.before, came_at or one.at + timedelta(seconds=5)),
                )
                for one in batches
            ],
            returning=True,
        )
        for one in batches:
            (batch_id,) = cursor.fetchone()
            cursor.nextset()
            if any(one.lost):
                conn.execute(
                    "INSERT INTO declared_loss VALUES (%s, %s, %s, %s, 1)", (batch_id, *one.lost)
                )
