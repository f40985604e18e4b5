"""A district of two people whose readings lie on both sides of a UTC midnight, to be exported."""

import hashlib
from datetime import date

import numpy as np

from storage.ingest import IncomingBatch, Outcome, ReadingColumns, store_batches
from tests.district import every, local_ms

MINUTE = 60_000
WEEK, NIGHT = date(2026, 11, 9), date(2026, 11, 15)
TUESDAY = local_ms("2026-11-10 07:30:00")
"""Half an hour before a UTC midnight: what begins here lies in two files."""
DAYS = [date(2026, 11, 9), date(2026, 11, 10)]


def filled(district):
    """Two people with all that a band can say, and a band of nobody's."""
    for label in ("p1", "p2"):
        district.wear(label)
        district.hear(label, heart_rate=every(TUESDAY, TUESDAY + 70 * MINUTE, 120))
        walked = every(TUESDAY, TUESDAY + 70 * MINUTE, 110, step_ms=MINUTE)
        district.hear(label, steps=walked)
    memory = every(TUESDAY + 90 * MINUTE, TUESDAY + 120 * MINUTE, 95)
    for shift_ms in (0, 20_000, 7_200_000):  # read again by another gateway, and by another clock
        told = [(ms + shift_ms, bpm) for ms, bpm in memory]
        district.hear("p1", heart_rate=told, stamps=[ms for ms, _bpm in memory])
    count(district, "p2", [(TUESDAY + n * MINUTE, 100 * n) for n in range(70)])
    off = every(TUESDAY + 130 * MINUTE, TUESDAY + 132 * MINUTE, 0)
    district.hear("p1", heart_rate=off, flags=1)  # contact is known: there is none
    # The same twice in one batch, and both zeros: what a hash over a set would stumble over.
    zeros = [(TUESDAY, -0.0), (TUESDAY, 0.0), (TUESDAY, -0.0)]
    district.hear("p2", heart_rate=zeros, stamps=[-5, -5, -7])
    district.hear("passer-by", heart_rate=every(TUESDAY, TUESDAY + MINUTE, 77))
    return district


def count(district, key, totals):
    """One batch of running totals of steps."""
    seq = next(district.seq)
    rows = len(totals)
    columns = ReadingColumns(
        "steps_counter",
        np.zeros(rows, np.uint16),
        np.array([ms for ms, _total in totals], np.int64),
        np.array([total for _ms, total in totals], np.float64),
        np.zeros(rows, np.int64),
        np.zeros(rows, np.uint8),
    )
    batch = IncomingBatch(
        gateway_id=district.gateway,
        boot=bytes(16),
        seq=seq,
        content_sha256=hashlib.sha256(b"%d" % seq).digest(),
        previous_sha256=None,
        lane="backlog",
        schema_version=1,
        sealed_utc_ms=totals[-1][0],
        sealed_mono_ms=0,
        devices=(key,),
        columns=[columns],
        sealed=b"sealed %d" % seq,
    )
    assert store_batches(district.conn, [batch]) == [Outcome.STORED]
