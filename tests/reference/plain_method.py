"""A second implementation of the method, written from its text alone: plain, slow, readable.

Loops over whole numbers and fractions; no frames, no code or number shared with the core. Times are
integer milliseconds UTC. The comments name the convention each part says: here C1 to C16, in
`plain_prescription` and `plain_weeks` section 13.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import date
from fractions import Fraction
from math import ceil, floor, isfinite
from typing import Any

from tests.reference.plain_numbers import (
    DAY,
    MINUTE,
    SECOND,
    UTC_PLUS_8,
    Number,
    Row,
    exact,
    given,
    is_a_time,
    local_day,
    middle,
)
from tests.reference.plain_prescription import Version, in_force, needs_figures
from tests.reference.plain_weeks import weeks_of


def midnight_after(at: int) -> int:
    return ((at + UTC_PLUS_8) // DAY + 1) * DAY - UTC_PLUS_8


def samples_of(rows: list[tuple[int, float | None]]) -> list[tuple[int, int | Fraction]]:
    """C2, C3: one sample per timestamp, the mean of the distinct values in range, in order."""
    values = defaultdict(set)
    for at, bpm in rows:
        if is_a_time(at) and bpm is not None and isfinite(bpm) and 30 <= bpm <= 220:
            values[at].add(exact(bpm))
    return [(at, exact(Fraction(sum(seen)) / len(seen))) for at, seen in sorted(values.items())]


def without_spikes(samples: list) -> list:
    """C4: every decision uses the series before any drop."""
    times = [at for at, _ in samples]
    bpms = [bpm for _, bpm in samples]
    kept = []
    for at, bpm in samples:
        first = bisect_left(times, at - 30 * SECOND)
        last = bisect_right(times, at + 30 * SECOND)
        window = sorted(bpms[first:last])
        if len(window) >= 3 and abs(bpm - middle(window)) > 30:
            continue
        kept.append((at, bpm))
    return kept


def held(kept: list) -> list[tuple[int, int, int | Fraction]]:
    """C5: (start, end, bpm) of each kept sample."""
    spans = []
    for number, (at, bpm) in enumerate(kept):
        end = at + 60 * SECOND
        if number + 1 < len(kept):
            end = min(end, kept[number + 1][0])
        spans.append((at, end, bpm))
    return spans


def hr_max_of(case: Row) -> Number | None:
    """C6."""
    measured, age = given(case, "hr_max"), given(case, "age")
    if measured is not None or age is None:
        return measured
    intercept = 164 if case.get("beta_blocker") else 207
    return floor(Fraction(10 * intercept - 7 * int(age) + 5, 10))


def rest_of(case: Row, kept: list) -> Number | None:
    """C7."""
    measured = given(case, "rest_hr")
    if measured is not None:
        return measured
    minutes: dict[date, dict[int, list]] = defaultdict(lambda: defaultdict(list))
    for at, bpm in kept:
        minutes[local_day(at)][at // MINUTE].append(bpm)
    figures = []
    for by_minute in minutes.values():
        if len(by_minute) < 600:
            continue
        means = sorted(Fraction(sum(bpms)) / len(bpms) for bpms in by_minute.values())
        figures.append(means[ceil(Fraction(5 * len(means), 100)) - 1])
    if not figures:
        return None
    return floor(middle(sorted(figures)) + Fraction(1, 2))


def step_minutes(rows: list[tuple[int, float | None]]) -> dict[int, int]:
    """C15: the larger count of each clock minute."""
    counts: dict[int, int] = {}
    for at, steps in rows:
        if not is_a_time(at) or steps is None or not isfinite(steps) or steps < 0:
            continue
        minute = at // MINUTE
        counts[minute] = max(counts.get(minute, 0), int(steps))
    return counts


def parts(start: int, end: int, boundary_after: Any) -> list[tuple[int, int]]:
    """The span cut at every boundary."""
    cut = []
    while start < end:
        stop = min(end, boundary_after(start))
        cut.append((start, stop))
        start = stop
    return cut


def empty_day(version: Version, day: date) -> Row:
    names = (
        "very_light_ms light_ms moderate_ms vigorous_ms near_max_ms credit_ms above_ms wear_ms "
        "steps cad100_min cad130_min hrless_cad100_min still_min lock_min shake_min fast_min"
    )
    row = version.row
    key = {"case": row["case"], "version": row.get("version"), "person": row["person"]}
    return key | {"date": day} | dict.fromkeys(names.split(), 0)


def held_in_minutes(spans: list) -> dict[int, tuple[int, Number]]:
    """C15, C16: per clock minute the held ms, and the sum of bpm * held ms."""
    minutes: dict[int, tuple[int, Number]] = {}
    for start, end, bpm in spans:
        for first, last in parts(start, end, lambda at: (at // MINUTE + 1) * MINUTE):
            held_ms, beats = minutes.get(first // MINUTE, (0, 0))
            minutes[first // MINUTE] = held_ms + last - first, beats + bpm * (last - first)
    return minutes


def add_held_time(days: dict[date, Row], versions: list[Version], spans: list) -> None:
    """C8, C9, C10, C13."""
    for span_start, span_end, bpm in spans:
        for start, end in parts(span_start, span_end, midnight_after):
            version = in_force(versions, local_day(start))
            if version is None:
                continue
            day = days.setdefault(local_day(start), empty_day(version, local_day(start)))
            zone = version.zone(bpm)
            day["wear_ms"] += end - start
            if zone is not None:
                day[f"{zone}_ms"] += end - start
            if version.creditable(bpm):
                day["credit_ms"] += end - start
            if version.above(bpm):
                day["above_ms"] += end - start


def add_steps(
    days: dict[date, Row], versions: list[Version], spans: list, steps: dict[int, int]
) -> None:
    """C15, C16."""
    held_in = held_in_minutes(spans)
    for minute, count in steps.items():
        version = in_force(versions, local_day(minute * MINUTE))
        if version is None:
            continue
        date_ = local_day(minute * MINUTE)
        day = days.setdefault(date_, empty_day(version, date_))
        held_ms, beats = held_in.get(minute, (0, 0))
        present = held_ms >= 30 * SECOND
        day["steps"] += count
        day["cad100_min"] += count >= 100
        day["cad130_min"] += count >= 130
        day["hrless_cad100_min"] += count >= 100 and not present
        day["fast_min"] += count > 220
        if present:
            mean = exact(Fraction(beats) / held_ms)
            no_steps = all(steps.get(minute - back) == 0 for back in range(5))
            day["still_min"] += version.effort(mean) and no_steps
            day["lock_min"] += count >= 100 and abs(mean - count) <= 3
            day["shake_min"] += count >= 100 and version.is_below(mean, 20)


def days_of(versions: list[Version], spans: list, steps: dict[int, int]) -> list[Row]:
    """C8-C10, C13, C15, C16: the days with held time or a step count."""
    days: dict[date, Row] = {}
    add_held_time(days, versions, spans)
    add_steps(days, versions, spans, steps)
    for day in days.values():
        day["valid_day"] = day["wear_ms"] >= 600 * MINUTE
    return [days[day] for day in sorted(days)]


def overlap(start: int, end: int, other_start: int, other_end: int) -> int:
    return max(0, min(end, other_end) - max(start, other_start))


def has_8_of_10(stretches: list[tuple[int, int]]) -> bool:
    """C11: some window of 10 minutes, wherever it starts, holds 480 s of effort.

    The effort in a window grows and falls by straight lines as it moves; it can be largest only
    where one of its ends meets an end of a stretch, so all of those are tried.
    """
    ends = [at for stretch in stretches for at in stretch]
    starts = ends + [at - 600 * SECOND for at in ends]
    return any(
        sum(overlap(first, last, start, start + 600 * SECOND) for first, last in stretches)
        >= 480 * SECOND
        for start in starts
    )


def bouts_of(versions: list[Version], spans: list, steps: dict[int, int]) -> list[Row]:
    """C11, C12, C16; a bout is judged by the version at its start."""
    chains: list[list[tuple[int, int, bool]]] = []
    for span_start, span_end, bpm in spans:
        for start, end in parts(span_start, span_end, midnight_after):
            version = in_force(versions, local_day(start))
            if version is None or not version.effort(bpm):
                continue
            stretch = start, end, version.creditable(bpm)
            if chains and start - chains[-1][-1][1] <= 120 * SECOND:
                chains[-1].append(stretch)
            else:
                chains.append([stretch])
    bouts = []
    for chain in chains:
        stretches: list[tuple[int, int]] = []
        for start, end, _ in chain:
            if stretches and stretches[-1][1] == start:
                stretches[-1] = (stretches[-1][0], end)
            else:
                stretches.append((start, end))
        effort = sum(end - start for start, end in stretches)
        if effort < 600 * SECOND or not has_8_of_10(stretches):
            continue
        start, end = stretches[0][0], stretches[-1][1]
        row = in_force(versions, local_day(start)).row
        credit = sum(last - first for first, last, is_credit in chain if is_credit)
        touched = [
            steps[minute]
            for minute in range(start // MINUTE, (end - 1) // MINUTE + 1)
            if minute in steps
        ]
        bouts.append(
            {
                "case": row["case"],
                "version": row.get("version"),
                "person": row["person"],
                "date": local_day(start),
                "start_ms": start,
                "end_ms": end,
                "span_ms": end - start,
                "effort_ms": effort,
                "credit_ms": credit,
                "sparse": Fraction(effort, end - start) < Fraction(80, 100),
                "min_counted": len(touched),
                "min_zero": sum(count == 0 for count in touched),
                "min_walk": sum(count >= 60 for count in touched),
                "complete": credit >= Fraction(80, 100) * exact(row["session_min"]) * MINUTE,
            }
        )
    return bouts


def figures_of(rows: list[Row], kept: list) -> tuple[Number | None, Number | None, str | None]:
    """C6, C7, C8: maximum, rest, and why there can be no figures though some version needs them."""
    hr_max, rest = hr_max_of(rows[0]), rest_of(rows[0], kept)
    is_sound = hr_max is not None and rest is not None and hr_max > rest
    if not any(needs_figures(row) for row in rows):
        return (hr_max, rest, None) if is_sound else (None, None, None)
    reason = None
    if not kept:
        reason = "no_samples"
    elif hr_max is None:
        reason = "no_age"
    elif rest is None:
        reason = "no_rest_day"
    elif not is_sound:
        reason = "max_not_above_rest"
    elif any(Version(row, rest, hr_max).has_low_ceiling() for row in rows):
        reason = "ceiling_not_above_zone"
    return hr_max, rest, reason


def judged(rows: list[Row], kept: list) -> list[Version]:
    """Every version with its frozen figures, both or neither."""
    figures = [figures_of([row], kept) for row in rows]
    return [
        Version(row, rest, hr_max) for row, (hr_max, rest, _) in zip(rows, figures, strict=True)
    ]


def results_of(
    versions: list[Version], kept: list, step_rows: list, log: list[Row]
) -> tuple[list[Row], list[Row], list[Row]]:
    """Days, bouts and weeks of one case, whose versions have their figures."""
    spans, steps = held(kept), step_minutes(step_rows)
    days = days_of(versions, spans, steps)
    bouts = bouts_of(versions, spans, steps)
    return days, bouts, weeks_of(versions, days, bouts, log)


def score(
    hr: list[tuple[Any, int, float | None]],
    steps: list[tuple[Any, int, float | None]],
    cases: list[Row],
    log: list[Row] | None = None,
) -> tuple[list[Row], list[Row], list[Row], list[Row]]:
    """People, days, bouts, weeks; sorted by case, then time.

    A case with several rows has versions: its first row stands in people.
    """
    people, days, bouts, weeks = [], [], [], []
    beats_of: dict[Any, list] = defaultdict(list)
    for who, at, bpm in hr:
        beats_of[who].append((at, bpm))
    counts_of: dict[Any, list] = defaultdict(list)
    for who, at, count in steps:
        counts_of[who].append((at, count))
    kept_of: dict[Any, list] = {}
    for name in sorted({case["case"] for case in cases}):
        rows = [case for case in cases if case["case"] == name]
        who = rows[0]["person"]
        if who not in kept_of:
            kept_of[who] = without_spikes(samples_of(beats_of[who]))
        kept = kept_of[who]
        hr_max, rest, reason = figures_of(rows, kept)
        people.append(
            {
                "case": name,
                "person": who,
                "hr_max": hr_max,
                "rest_hr": rest,
                "n_in": len(beats_of[who]),
                "n_kept": len(kept),
                "reason": reason,
            }
        )
        if reason is not None:
            continue
        its_log = [row for row in log or [] if row["case"] == name]
        results = results_of(judged(rows, kept), kept, counts_of[who], its_log)
        for table, its in zip((days, bouts, weeks), results, strict=True):
            table.extend(its)
    return people, days, bouts, weeks
