"""The recordings of the examples and of their pictures, by name."""

from adherence.whole import Whole
from scripts.method.recording import LOW_BPM, Rows, at, ms, score, stretches

MINUTE_MS = 60_000

MIDNIGHT_SUNDAY = at((0, 95), (60, 95), start="2026-05-10 23:59:00")
RANGE = at((0, 29), (120, 30), (240, 95), (360, 220), (480, 221), (600, None))
TWINS = at((0, 96), (10, 98), (20, 100), (20, 110), (20, 110), (30, 104), (40, 102))
SPIKE = at((0, 92), (10, 93), (20, 150), (30, 94), (40, 95))
ALMOST_SPIKE = at((0, 92), (10, 93), (20, 124), (30, 94), (40, 95))
HOLDING = at((0, 105), (30, 108), (90, 110), (190, 106))
CREDIT = stretches((120, LOW_BPM), (360, 110), (180, 125), (240, 112), (60, LOW_BPM))
MIDNIGHT = at((0, 110), (50, LOW_BPM), start="2026-05-04 23:59:40")
SUNDAY_NIGHT = stretches((20 * 60, 110), start="2026-05-10 23:50:00")

BOUT = stretches(
    (360, 110), (120, LOW_BPM), (300, 112), (5, LOW_BPM), (85, None), (120, 125), (120, 110)
)
"""Two interruptions: 120 s below the zone; 60 s below it, for so long a sample stands, and 30 s
without data."""
TWO_CHAINS = stretches((360, 110), (121, LOW_BPM), (300, 112), every_s=1)
DENSE = stretches((240, 110), (120, LOW_BPM), (240, 110), (120, LOW_BPM), (240, 110))
THIN = stretches((230, 110), (120, LOW_BPM), (230, 110), (120, LOW_BPM), (230, 110))

REST_DAYS: Rows = []
for _day, _low, _count in (("04", [58.0] * 30, 600), ("05", [56.0] * 30 + [61.0], 610)):
    _bpms = _low + [72.0] * (_count - len(_low))
    REST_DAYS += at(
        *((60 * n, bpm) for n, bpm in enumerate(_bpms)), start=f"2026-05-{_day} 08:00:00"
    )
REST_DAYS += at(*((60 * n, 50.0) for n in range(599)), start="2026-05-06 08:00:00")

WEAR: Rows = []
for _day, _worn in (("04", 600), ("05", 720), ("06", 599), ("08", 840), ("09", 600), ("10", 120)):
    WEAR += at(*((60 * n, 80.0) for n in range(_worn)), start=f"2026-05-{_day} 08:00:00")

WEEK_SESSIONS = (("04", 30, 0), ("06", 26, 3), ("08", 20, 0))
"""Day of May 2026, minutes in the zone, minutes above it behind them."""
ONE_MORE = ("09", 24, 0)
WEEK_TARGETS = {"session_min": 30.0, "sessions_per_week": 3.0, "weekly_min": 90.0}


def week(*more: tuple[str, int, int]) -> Whole:
    """Return the example's week, with more sessions if given."""
    rows: Rows = []
    for day, in_zone, above in (*WEEK_SESSIONS, *more):
        rows += stretches((60 * in_zone, 110), (60 * above, 125), start=f"2026-05-{day} 07:00:00")
    return score(rows, **WEEK_TARGETS)


def _minutes(*counts: float | None) -> Rows:
    start = ms("2026-05-04 07:00:00")
    return [(start + MINUTE_MS * n, count) for n, count in enumerate(counts)]


CADENCE = _minutes(99, 100, 130, 110, 112)
CADENCE_HR = at(*((5 * n, LOW_BPM) for n in range(30)))
"""Heart rate in three minutes; its last sample stands for 25 s of the fourth."""

_STILL = (stretches((7 * 60, 110)), _minutes(0, 0, 0, 0, 0, 0, 40))
_LOCK = (stretches((3 * 60, 108)), _minutes(110, 104, 111))
_SHAKE = (stretches((2 * 60, 75)), _minutes(105, 99))
_FAST = (stretches((2 * 60, 95)), _minutes(230, 220))
FLAGS = (_STILL, _LOCK, _SHAKE, _FAST)

WALK_HR = stretches((12 * 60, 110))
WALK = [
    *_minutes(105, 110, 0, 40, 90, 100, 101, 99),
]
