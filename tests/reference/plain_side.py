"""The side figures of one case once more, with loops: from spans of held time, day by day."""

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from math import ceil, exp
from statistics import median

DAY = 86_400_000
UTC_PLUS_8 = 28_800_000
MINUTE = 60_000
ZONES = (("near_max", 90), ("vigorous", 60), ("moderate", 40), ("light", 30), ("very_light", None))


def local_day(at):
    return date(1970, 1, 1) + timedelta(days=(at + UTC_PLUS_8) // DAY)


def by_day(spans):
    """(day, ms, bpm) of every span, cut at midnight."""
    for start, end, bpm in spans:
        midnight = ((start + UTC_PLUS_8) // DAY + 1) * DAY - UTC_PLUS_8
        yield local_day(start), min(end, midnight) - start, bpm
        if end > midnight:  # a sample stands for a minute at most: one midnight, no more
            yield local_day(midnight), end - midnight, bpm


def written(bpm):
    """The number that a float was written as; a mean of twins to a millionth."""
    return Fraction(bpm).limit_denominator(1_000_000)


def impulse(sex, rest, hr_max, bpm, ms):
    """Banister's training impulse of a stretch at one heart rate."""
    x = min(1.0, max(0.0, (bpm - rest) / (hr_max - rest)))
    factor, rate = {"M": (0.64, 1.92), "F": (0.86, 1.67)}[sex]
    return ms / MINUTE * x * factor * exp(rate * x)


def rest_by_day(kept):
    """Day -> nearest-rank 5th percentile of its minute means, of days with 600 such minutes."""
    minutes = defaultdict(lambda: defaultdict(list))
    for at, bpm in kept:
        minutes[local_day(at)][at // MINUTE].append(bpm)
    found = {}
    for day, of_day in minutes.items():
        if len(of_day) >= 600:
            means = sorted(sum(bpms) / len(bpms) for bpms in of_day.values())
            found[day] = means[ceil(len(means) * 0.05) - 1]
    return found


def drift(rests, week):
    """(days, median, days before, their median, distance) of the resting heart rate."""
    now = [bpm for day, bpm in rests.items() if week <= day < week + timedelta(days=7)]
    before = [bpm for day, bpm in rests.items() if week - timedelta(days=28) <= day < week]
    rest = median(now) if now else None
    base = median(before) if len(before) >= 7 else None
    away = None if rest is None or base is None else rest - base
    return len(now), rest, len(before), base, away


def side_week(week, spans, rests, *, sex, rest, hr_max, ceiling):
    """The figures of one week (its Monday)."""
    own = [(ms, bpm) for day, ms, bpm in by_day(spans) if week <= day < week + timedelta(days=7)]
    in_zone = dict.fromkeys((name for name, _ in ZONES), 0)
    for ms, bpm in own:
        for name, percent in ZONES:
            reserve = written(hr_max) - written(rest)
            if percent is None or 100 * (written(bpm) - written(rest)) >= percent * reserve:
                in_zone[name] += ms
                break
    hard = in_zone["vigorous"] + in_zone["near_max"]
    days, now, days_before, base, away = drift(rests, week)
    return {
        "week": week,
        **{f"{name}_min": ms / MINUTE for name, ms in in_zone.items()},
        "mod_eq_min": (in_zone["moderate"] + 2 * hard) / MINUTE,
        "trimp": None
        if sex is None
        else sum(impulse(sex, rest, hr_max, bpm, ms) for ms, bpm in own),
        "over_ceiling_min": None
        if ceiling is None
        else sum(ms for ms, bpm in own if written(bpm) >= written(ceiling)) / MINUTE,
        "rest_days": days,
        "rest_bpm": now,
        "rest_base_days": days_before,
        "rest_base_bpm": base,
        "rest_drift_bpm": away,
    }
