"""Made-up recordings that seek the edges of the method: holes, spikes, twins, midnights, zones."""

from typing import Any

from hypothesis import strategies as st

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
MONDAY = 1_777_824_000_000  # 2026-05-04 00:00 at UTC+8
STARTS = (
    MONDAY,
    MONDAY - 1,
    MONDAY - 20 * SECOND,
    MONDAY - 7 * MINUTE - 1,
    MONDAY + DAY - 11 * MINUTE,
    MONDAY + 3 * DAY + 5 * 60 * MINUTE + 17,
    -3 * MINUTE - 1,  # a clock that was never set: about 1970
)
GAPS = (
    1, 999, 5 * SECOND, 29_999, 30_000, 30_001, 59_999, 60_000, 60_001,
    119_999, 120_000, 120_001, 179_999, 180_000, 180_001, 181_000, 10 * MINUTE, 3 * DAY,
)  # fmt: skip
STEPS_BETWEEN = (1, 250, SECOND, 5 * SECOND, 15 * SECOND, 29_500, 30_000, 60_000, 60_001, 90_000)
# Rest 60 and maximum 160 make the edges whole (90, 100, 120, 150); 184 makes them 97.2, 109.6, ...
# Tenths lie on edges too, and 30 apart: 100 times 128.2 is a little less than 12,820 in binary.
BPMS = (
    29.5, 30, 45, 59, 60, 79.5, 80, 89.5, 90, 97, 97.2, 98, 98.2, 99.75, 100, 101, 101.7, 109,
    109.5, 109.6, 110, 119.5, 120, 128.2, 130, 131.7, 134, 135, 138.2, 139.2, 149.5, 150, 151,
    151.2, 171.5, 172, 200, 220,
)  # fmt: skip
NO_TIMES = (2**63 - 1, 2**63 - 60_000, 10**15, -(10**15), -(2**63))
"""Times of no calendar, as an instrument with a broken clock writes them."""
NO_BPM = (None, float("nan"), float("inf"), -1.0, 0.0, 29.75, 220.5, 1e9)
CADENCES = (0, 0, 0, 0, 1, 59, 60, 97, 99, 100, 103, 104, 112, 129, 130, 220, 221, 400, -1, None)

heart_rates = st.sampled_from(BPMS)
any_heart_rates = st.one_of(heart_rates, heart_rates, heart_rates, st.sampled_from(NO_BPM))


@st.composite
def stretches(draw: st.DrawFn) -> tuple[int, int, list[Any]]:
    """A hole, then samples at one pace over a short pattern of heart rates."""
    count = draw(st.one_of(st.integers(1, 6), st.integers(8, 60)))
    pattern = draw(
        st.one_of(
            st.lists(heart_rates, min_size=1, max_size=2),
            st.lists(any_heart_rates, min_size=1, max_size=5),
        )
    )
    pace = draw(st.sampled_from(STEPS_BETWEEN))
    return draw(st.sampled_from(GAPS)), pace, [pattern[n % len(pattern)] for n in range(count)]


@st.composite
def heart_rate_rows(draw: st.DrawFn, person: Any) -> list[tuple]:
    """One person's heart rate, with twins and rows sent twice."""
    at = draw(st.sampled_from(STARTS))
    rows = []
    for gap, pace, bpms in draw(st.lists(stretches(), max_size=7)):
        at += gap
        for bpm in bpms:
            rows.append((person, at, bpm))
            at += pace
    if rows:
        twins = st.tuples(st.integers(0, len(rows) - 1), any_heart_rates)
        for number, bpm in draw(st.lists(twins, max_size=6)):
            rows.append((person, rows[number][1], bpm))
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    return rows


@st.composite
def step_rows(draw: st.DrawFn, person: Any, around: list[tuple]) -> list[tuple]:
    """Steps in the minutes about the heart rate, some missing, some twice, some at odd seconds."""
    times = [at for _, at, _ in around] or [STARTS[0]]
    first = min(times) // MINUTE - 6
    last = min(max(times) // MINUTE + 3, first + 200)
    cadences = draw(st.lists(st.sampled_from(CADENCES), min_size=1, max_size=12))
    absent = draw(st.integers(2, 13))
    rows = [
        (person, minute * MINUTE, cadences[number % len(cadences)])
        for number, minute in enumerate(range(first, last))
        if number % absent
    ]
    more = st.tuples(
        st.just(person),
        st.integers(first * MINUTE, last * MINUTE),
        st.sampled_from((*CADENCES, float("nan"))),
    )
    return rows + draw(st.lists(more, max_size=5))


@st.composite
def cases(draw: st.DrawFn, case: Any, person: Any) -> dict[str, Any]:
    """A prescription with whole and broken numbers, figures given or not."""
    zone_lo = draw(st.sampled_from((30, 40, 40, 45, 50, 60, 62.5)))
    return {
        "case": case,
        "person": person,
        "age": draw(st.sampled_from((None, 18, 40, 40.9, 63, 90))),
        "beta_blocker": draw(st.sampled_from((None, False, True))),
        "rest_hr": draw(st.sampled_from((None, 60, 60, 60, 60.5, 72))),
        "hr_max": draw(st.sampled_from((None, 160, 160, 184, 171.5, 60))),
        "zone_lo": zone_lo,
        "zone_hi": zone_lo + draw(st.sampled_from((0.5, 15, 20, 50, 100))),
        "session_min": draw(st.sampled_from((1, 12, 12.5, 30))),
        "sessions_per_week": draw(st.sampled_from((1, 2, 3, 5, 2.5))),
        "weekly_min": draw(st.sampled_from((10, 25, 37.5, 150))),
    }


@st.composite
def long_recordings(draw: st.DrawFn) -> tuple:
    """A few stretches over 400 days and more: most of the weeks between are empty."""
    rows: list[tuple] = []
    for day in draw(st.lists(st.integers(0, 420), min_size=2, max_size=5)):
        moved = day * DAY
        rows += [("a", at + moved, bpm) for _, at, bpm in draw(heart_rate_rows("a"))]
    steps = draw(step_rows("a", rows[-200:])) if draw(st.booleans()) else []
    return rows, steps, [draw(cases(0, "a")), draw(cases(1, "a"))]


@st.composite
def recordings(draw: st.DrawFn, people: tuple[Any, ...] = ("b", "a")) -> tuple:
    """Heart rate, steps and cases of some people; the first has two cases."""
    hr: list[tuple] = []
    steps: list[tuple] = []
    prescriptions = []
    for number, person in enumerate(people):
        rows = draw(heart_rate_rows(person))
        hr += rows
        steps += draw(step_rows(person, rows)) if draw(st.booleans()) else []
        prescriptions.append(draw(cases(number, person)))
    prescriptions.append(draw(cases(len(people), people[0])))
    return hr, steps, prescriptions


@st.composite
def broken_clocks(draw: st.DrawFn) -> tuple:
    """Recordings in which some rows have times that no calendar has."""
    hr, steps, prescriptions = draw(recordings())
    times = st.lists(st.tuples(st.sampled_from(("a", "b")), st.sampled_from(NO_TIMES)), max_size=3)
    odd = [(person, at, 110) for person, at in draw(times)]
    return hr + odd, steps + odd, prescriptions


BLOCKS_S = (
    30,
    60,
    90,
    119,
    120,
    121,
    150,
    240,
    359,
    360,
    361,
    479,
    480,
    481,
    599,
    600,
    601,
    719,
    720,
)


@st.composite
def training(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Seconds and bpm in turn, about the lengths that decide on bouts (rest 60, maximum 160)."""
    blocks = []
    for hard in draw(st.lists(st.booleans(), min_size=1, max_size=7)):
        bpm = draw(st.sampled_from((100, 101, 120, 150) if hard else (0, 80, 99)))
        blocks.append((draw(st.sampled_from(BLOCKS_S)), bpm))
    return blocks


@st.composite
def training_weeks(draw: st.DrawFn) -> tuple:
    """Nine days from a Sunday on: worn about ten hours or not at all, trained or not."""
    rows: list[tuple] = []
    plans = st.tuples(st.sampled_from((None, 597, 598, 599, 600)), st.one_of(st.none(), training()))
    for day, (worn_min, blocks) in enumerate(draw(st.lists(plans, min_size=1, max_size=9))):
        at = MONDAY - DAY + day * DAY
        if worn_min is not None:
            rows += [("a", at + minute * MINUTE, 61 + minute % 30) for minute in range(worn_min)]
        at += draw(st.sampled_from((20 * 60 * MINUTE, 24 * 60 * MINUTE - 5 * MINUTE)))
        for seconds, bpm in blocks or []:
            # One sample a half minute, and one so close to the end that the block lasts exactly.
            if bpm:
                times = [*range(0, seconds, 30), seconds - 1] if seconds > 1 else [0]
                rows += [("a", at + second * SECOND, bpm) for second in times]
            at += seconds * SECOND
        # The last sample of a block stands for up to a minute more, unless something follows.
        if blocks and draw(st.booleans()):
            rows.append(("a", at, 70))
    case = draw(cases("c", "a")) | {
        "rest_hr": draw(st.sampled_from((None, 60))),
        "hr_max": 160,
        "zone_lo": 40,
        "zone_hi": draw(st.sampled_from((60, 100))),
        "session_min": draw(st.sampled_from((10, 12.5, 15, 30))),
        "sessions_per_week": draw(st.sampled_from((1, 2, 2.5, 5))),
        "weekly_min": draw(st.sampled_from((10, 12.5, 15, 25, 30))),
    }
    return rows, [], [case]


LENGTHS_S = (479, 599, 600, 601, 719, 720, 721, 960, 1200, 1440, 1800, 2400)
CALLS_S = (59, 60, 119, 120, 121, 180, 181, 1200)
HOURS = (6 * 60, 18 * 60, 24 * 60 - 10)
"""Minutes after midnight at which people exercise; the last goes on into the next day."""


@st.composite
def sessions(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Seconds and bpm in turn: exercise, at times with interruptions or in several parts."""
    effort = st.tuples(st.sampled_from(LENGTHS_S), st.sampled_from((100, 110, 120, 135, 152)))
    blocks = [draw(effort)]
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        blocks += [(draw(st.sampled_from(CALLS_S)), draw(st.sampled_from((0, 70)))), draw(effort)]
    return blocks


@st.composite
def exercise_weeks(draw: st.DrawFn) -> tuple:
    """One to three weeks of exercise on most days, worn for it alone, with steps or without."""
    days = draw(st.integers(1, 21))
    hour, pace_s = draw(st.sampled_from(HOURS)), draw(st.sampled_from((30, 60)))
    plans = draw(st.lists(sessions(), min_size=1, max_size=4))
    missed = draw(st.sets(st.integers(0, 20), max_size=8))
    cadence = draw(st.sampled_from((None, 0, 59, 60, 100, 119, 120, 131)))
    hr: list[tuple] = []
    steps: list[tuple] = []
    for day in sorted(set(range(days)) - missed):
        at = MONDAY + day * DAY + hour * MINUTE
        for seconds, bpm in plans[day % len(plans)]:
            if bpm:
                times = [*range(0, seconds, pace_s), seconds - 1]
                hr += [("a", at + second * SECOND, bpm) for second in times]
            if cadence is not None:
                minutes = range(0, seconds * SECOND, MINUTE)
                steps += [("a", at + moment, cadence) for moment in minutes]
            at += seconds * SECOND
        hr.append(("a", at, 70))
    case = draw(cases("c", "a")) | {
        "rest_hr": 60,
        "hr_max": 160,
        "zone_lo": 40,
        "zone_hi": draw(st.sampled_from((60, 100))),
        "session_min": draw(st.sampled_from((10, 12.5, 15, 16.1, 25, 30))),
        "weekly_min": draw(st.sampled_from((15, 20, 33.2, 60, 100))),
    }
    return hr, steps, [case]


def one_person() -> st.SearchStrategy:
    """A recording of person "a" alone, of any kind."""
    return st.one_of(recordings(people=("a",)), training_weeks(), exercise_weeks())
