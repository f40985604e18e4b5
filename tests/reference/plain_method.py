"""A second implementation of the method, written from its text alone: plain, slow, readable.

Loops over whole numbers and fractions; no frames, no code or number shared with the core. Times are
integer milliseconds UTC. The comments name the convention each part says.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from math import ceil, floor, isfinite
from typing import Any

SECOND = 1000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
UTC_PLUS_8 = 8 * 60 * MINUTE

Row = dict[str, Any]


def exact(value: float) -> int | Fraction:
    """The number as it is, a whole number where it is one."""
    fraction = Fraction(value)
    return fraction.numerator if fraction.denominator == 1 else fraction


def local_day(at: int) -> date:
    """C1: the local day of a time."""
    return date(1970, 1, 1) + timedelta(days=(at + UTC_PLUS_8) // DAY)


def midnight_after(at: int) -> int:
    return ((at + UTC_PLUS_8) // DAY + 1) * DAY - UTC_PLUS_8


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def middle(ordered: list) -> int | Fraction:
    """The median of a sorted list; of an even count the mean of the two middle values."""
    half, odd = divmod(len(ordered), 2)
    if odd:
        return ordered[half]
    return Fraction(ordered[half - 1] + ordered[half]) / 2


def samples_of(rows: list[tuple[int, float | None]]) -> list[tuple[int, int | Fraction]]:
    """C2, C3: one sample per timestamp, the mean of the distinct values in range, in order."""
    values = defaultdict(set)
    for at, bpm in rows:
        if bpm is not None and isfinite(bpm) and 30 <= bpm <= 220:
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


def hr_max_of(case: Row) -> int | Fraction | None:
    """C6."""
    if case["hr_max"] is not None:
        return exact(case["hr_max"])
    if case["age"] is None:
        return None
    intercept = 164 if case["beta_blocker"] else 207
    return floor(Fraction(10 * intercept - 7 * int(case["age"]) + 5, 10))


def rest_of(case: Row, kept: list) -> int | Fraction | None:
    """C7."""
    if case["rest_hr"] is not None:
        return exact(case["rest_hr"])
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


class Person:
    """What C6-C9 compare with."""

    def __init__(self, case: Row, rest: int | Fraction, hr_max: int | Fraction) -> None:
        self.rest, self.hr_max = rest, hr_max
        self.zone_lo, self.zone_hi = exact(case["zone_lo"]), exact(case["zone_hi"])

    def reaches(self, bpm: int | Fraction, percent: int | Fraction) -> bool:
        return 100 * (bpm - self.rest) >= percent * (self.hr_max - self.rest)

    def zone(self, bpm: int | Fraction) -> str:
        """C8."""
        for name, percent in (("near_max", 90), ("vigorous", 60), ("moderate", 40), ("light", 30)):
            if self.reaches(bpm, percent):
                return name
        return "very_light"

    def effort(self, bpm: int | Fraction) -> bool:
        return self.reaches(bpm, self.zone_lo) or self.above(bpm)

    def above(self, bpm: int | Fraction) -> bool:
        return self.reaches(bpm, self.zone_hi)

    def creditable(self, bpm: int | Fraction) -> bool:
        """C9."""
        return self.reaches(bpm, self.zone_lo) and not self.above(bpm)


def step_minutes(rows: list[tuple[int, float | None]]) -> dict[int, int]:
    """C15: the larger count of each clock minute."""
    counts: dict[int, int] = {}
    for at, steps in rows:
        if steps is None or not isfinite(steps) or steps < 0:
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


def empty_day(case: Row, day: date) -> Row:
    names = (
        "very_light_ms light_ms moderate_ms vigorous_ms near_max_ms credit_ms above_ms wear_ms "
        "steps cad100_min cad130_min hrless_cad100_min still_min lock_min shake_min fast_min"
    )
    return {"case": case["case"], "person": case["person"], "date": day} | dict.fromkeys(
        names.split(), 0
    )


def days_of(case: Row, person: Person, spans: list, steps: dict[int, int]) -> list[Row]:
    """C8-C10, C13, C15, C16."""
    days: dict[date, Row] = {}

    def on(day: date) -> Row:
        return days.setdefault(day, empty_day(case, day))

    held_in = defaultdict(int)
    beats_in = defaultdict(int)
    for start, end, bpm in spans:
        for first, last in parts(start, end, midnight_after):
            day, length = on(local_day(first)), last - first
            day["wear_ms"] += length
            day[f"{person.zone(bpm)}_ms"] += length
            if person.creditable(bpm):
                day["credit_ms"] += length
            if person.above(bpm):
                day["above_ms"] += length
        for first, last in parts(start, end, lambda at: (at // MINUTE + 1) * MINUTE):
            held_in[first // MINUTE] += last - first
            beats_in[first // MINUTE] += bpm * (last - first)
    for minute, count in steps.items():
        day = on(local_day(minute * MINUTE))
        present = held_in[minute] >= 30 * SECOND
        mean = Fraction(beats_in[minute]) / held_in[minute] if present else None
        day["steps"] += count
        day["cad100_min"] += count >= 100
        day["cad130_min"] += count >= 130
        day["hrless_cad100_min"] += count >= 100 and not present
        day["fast_min"] += count > 220
        if present:
            no_steps = all(steps.get(minute - back) == 0 for back in range(5))
            day["still_min"] += person.effort(mean) and no_steps
            day["lock_min"] += count >= 100 and abs(mean - count) <= 3
            day["shake_min"] += count >= 100 and not person.reaches(mean, 20)
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


def bouts_of(case: Row, person: Person, spans: list, steps: dict[int, int]) -> list[Row]:
    """C11, C12, C16."""
    chains: list[list[tuple[int, int, int | Fraction]]] = []
    for start, end, bpm in spans:
        if not person.effort(bpm):
            continue
        if chains and start - chains[-1][-1][1] <= 120 * SECOND:
            chains[-1].append((start, end, bpm))
        else:
            chains.append([(start, end, bpm)])
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
        credit = sum(last - first for first, last, bpm in chain if person.creditable(bpm))
        touched = [
            steps[minute]
            for minute in range(start // MINUTE, (end - 1) // MINUTE + 1)
            if minute in steps
        ]
        bouts.append(
            {
                "case": case["case"],
                "person": case["person"],
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
                "complete": credit >= Fraction(80, 100) * exact(case["session_min"]) * MINUTE,
            }
        )
    return bouts


def weeks_of(case: Row, days: list[Row], bouts: list[Row]) -> list[Row]:
    """C12-C14: every week from the first to the last local day with held time."""
    worn = [day["date"] for day in days if day["wear_ms"] > 0]
    weeks = []
    monday = monday_of(min(worn))
    while monday <= max(worn):
        its_days = [day for day in days if monday_of(day["date"]) == monday]
        its_bouts = [bout for bout in bouts if monday_of(bout["date"]) == monday]
        complete = [bout for bout in its_bouts if bout["complete"]]
        session_days = len({bout["date"] for bout in complete})
        credit = sum(bout["credit_ms"] for bout in its_bouts)
        effort = sum(bout["effort_ms"] for bout in its_bouts)
        attendance = min(Fraction(1), Fraction(session_days) / exact(case["sessions_per_week"]))
        rdi = Fraction(credit) / MINUTE / exact(case["weekly_min"])
        volume = min(Fraction(1), rdi)
        shares = [
            min(Fraction(1), Fraction(bout["credit_ms"]) / MINUTE / exact(case["session_min"]))
            for bout in its_bouts
        ]
        hard = sum(day["vigorous_ms"] + day["near_max_ms"] for day in its_days)
        weeks.append(
            {
                "case": case["case"],
                "person": case["person"],
                "week": monday,
                "wear_min": Fraction(sum(day["wear_ms"] for day in its_days), MINUTE),
                "valid_days": sum(day["valid_day"] for day in its_days),
                "valid_week": sum(day["valid_day"] for day in its_days) >= 4,
                "bouts": len(its_bouts),
                "complete_sessions": len(complete),
                "session_days": session_days,
                "bout_credit_min": Fraction(credit, MINUTE),
                "all_credit_min": Fraction(sum(day["credit_ms"] for day in its_days), MINUTE),
                "above_min": Fraction(sum(day["above_ms"] for day in its_days), MINUTE),
                "mod_eq_min": Fraction(
                    sum(day["moderate_ms"] for day in its_days) + 2 * hard, MINUTE
                ),
                "attendance": attendance,
                "rdi": rdi,
                "volume": volume,
                "intensity": Fraction(credit, effort) if its_bouts else None,
                "duration": sum(shares) / len(shares) if shares else None,
                "adherent": attendance >= Fraction(8, 10) and volume >= Fraction(8, 10),
                "adherence_pct": 100 * min(attendance, volume),
            }
        )
        monday += timedelta(days=7)
    return weeks


def score(
    hr: list[tuple[Any, int, float | None]],
    steps: list[tuple[Any, int, float | None]],
    cases: list[Row],
) -> tuple[list[Row], list[Row], list[Row], list[Row]]:
    """People, days, bouts, weeks; sorted by case, then time."""
    people, days, bouts, weeks = [], [], [], []
    beats_of: dict[Any, list] = defaultdict(list)
    for who, at, bpm in hr:
        beats_of[who].append((at, bpm))
    counts_of: dict[Any, list] = defaultdict(list)
    for who, at, count in steps:
        counts_of[who].append((at, count))
    kept_of = {}
    for case in sorted(cases, key=lambda case: case["case"]):
        who = case["person"]
        rows = beats_of[who]
        if who not in kept_of:
            kept_of[who] = without_spikes(samples_of(rows))
        kept = kept_of[who]
        hr_max, rest = hr_max_of(case), rest_of(case, kept)
        reason = None
        if not kept:
            reason = "no_samples"
        elif hr_max is None:
            reason = "no_age"
        elif rest is None:
            reason = "no_rest_day"
        elif hr_max <= rest:
            reason = "max_not_above_rest"
        people.append(
            {
                "case": case["case"],
                "person": case["person"],
                "hr_max": hr_max,
                "rest_hr": rest,
                "n_in": len(rows),
                "n_kept": len(kept),
                "reason": reason,
            }
        )
        if reason is not None:
            continue
        person = Person(case, rest, hr_max)
        spans = held(kept)
        counts = step_minutes(counts_of[who])
        its_days = days_of(case, person, spans, counts)
        its_bouts = bouts_of(case, person, spans, counts)
        days += its_days
        bouts += its_bouts
        weeks += weeks_of(case, its_days, its_bouts)
    return people, days, bouts, weeks
