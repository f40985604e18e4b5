"""The worked examples: every number of them comes out of the core as it is.

Each function returns the values its part of the page names; a page that names another one is
refused when it is written.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from adherence import method
from adherence.schema import ZONES
from adherence.whole import Whole
from config.side_figures import load_side_figures
from scripts.method import recordings
from scripts.method.beyond import beyond
from scripts.method.recording import (
    Rows,
    at,
    clock,
    conventions,
    one_a_day,
    score,
    span,
    stretches,
)

MINUTE_MS = 60_000


def only(frame: pl.DataFrame) -> dict[str, Any]:
    """Return the one row there is."""
    return frame.row(0, named=True) if frame.height == 1 else _not_one(frame)


def _not_one(frame: pl.DataFrame) -> dict[str, Any]:
    raise ValueError(f"an example wants one row, not {frame.height}")


def kept(rows: Rows) -> list[tuple[str, float]]:
    """Return the samples that count: clock, bpm."""
    c = conventions()
    samples = pl.LazyFrame(
        [("a", *row) for row in rows],
        schema={"person": pl.String, "ts": pl.Int64, "hr": pl.Float64},
        orient="row",
    )
    found = method.kept(samples, c).collect()
    bpm = (found["bpm_sum"] / found["bpm_n"]).to_list()
    return [(clock(ts), value) for ts, value in zip(found["ts"], bpm, strict=True)]


def c1() -> dict[str, Any]:
    """Two samples a minute apart, over Sunday's midnight."""
    found = score(recordings.MIDNIGHT_SUNDAY)
    return {
        "days": [str(d) for d in found.days["date"]],
        "weeks": [str(w) for w in found.weeks["week"]],
    }


def c2() -> dict[str, Any]:
    """Six rows of which three count."""
    person = only(score(recordings.RANGE).people)
    return {"n_in": person["n_in"], "n_kept": person["n_kept"]}


def c3() -> dict[str, Any]:
    """Three rows of one second, two of them alike."""
    return {"bpm": number(kept(recordings.TWINS)[2][1])}


def c4() -> dict[str, Any]:
    """Compute a leap among calm neighbours, and one of just as much as is allowed."""
    return {
        "left": [number(bpm) for _, bpm in kept(recordings.SPIKE)],
        "left_at_the_edge": [number(bpm) for _, bpm in kept(recordings.ALMOST_SPIKE)],
    }


def c5() -> dict[str, Any]:
    """Four samples: near, just near enough, too far, and the last."""
    held = score(recordings.HOLDING).held
    spans = [
        (clock(start), clock(end), span(end - start))
        for start, end in held.select("start_ms", "end_ms").iter_rows()
    ]
    total = held.select((pl.col("end_ms") - pl.col("start_ms")).sum()).item()
    from_ms, to_ms = held["start_ms"].min(), held["end_ms"].max()
    return {"spans": spans, "held": span(total), "missing": span(to_ms - from_ms - total)}  # type: ignore[operator]


def c6() -> dict[str, Any]:
    """One person four ways."""
    ways = {
        "plain": {"age": 65.9},
        "blocked": {"age": 65.9, "beta_blocker": True},
        "measured": {"age": 65.9, "beta_blocker": True, "hr_max": 148.0},
    }
    return {
        name: number(only(score(recordings.RANGE, **({"hr_max": None} | said)).people)["hr_max"])
        for name, said in ways.items()
    }


def c7() -> dict[str, Any]:
    """Two days that are long enough and one that is a minute short."""
    c = conventions()
    found = score(recordings.REST_DAYS, rest_hr=None)
    samples = found.held.select("person", "bpm_sum", "bpm_n", ts="start_ms")
    days = method.rest_days(samples.lazy(), c).sort("date").collect()
    return {
        "days": [number(bpm) for bpm in days["rest_bpm"]],
        "median": number(days["rest_bpm"].median()),  # type: ignore[arg-type]  # there are days
        "rest": number(only(found.people)["rest_hr"]),
    }


def zone_edges(rest_hr: float, hr_max: float) -> list[int]:
    """Return the lowest whole bpm of each zone but the first, as the core sorts them."""
    bpms = range(60, 200)
    days = score(one_a_day(bpms), rest_hr=rest_hr, hr_max=hr_max).days
    return [
        next(bpm for bpm, ms in zip(bpms, days[f"{zone}_ms"], strict=True) if ms)
        for zone in ZONES[1:]
    ]


def c8() -> dict[str, Any]:
    """Find the zones of two people in bpm."""
    return {"easy": zone_edges(60.0, 160.0), "odd": zone_edges(62.0, 167.0)}


def of_day(found: Whole) -> dict[str, str]:
    """Return the day's spans of a recording of one day."""
    day = only(found.days)
    return {name: span(day[f"{name}_ms"]) for name in ("credit", "above", "wear", *ZONES)} | {
        "effort": span(day["credit_ms"] + day["above_ms"])
    }


def c9() -> dict[str, Any]:
    """Below, in and above the zone."""
    return of_day(score(recordings.CREDIT))


def c10() -> dict[str, Any]:
    """One hold over midnight."""
    days = score(recordings.MIDNIGHT).days
    return {
        "days": [(str(d), span(ms_)) for d, ms_ in days.select("date", "credit_ms").iter_rows()]
    }


def chains(found: Whole) -> list[dict[str, Any]]:
    """Return the chains of effort as the page shows them."""
    return [
        {
            "span": span(one["span_ms"]),
            "effort": span(one["effort_ms"]),
            "credit": span(one["credit_ms"]),
            "qualifies": one["qualifies"],
            "sparse": one["sparse"],
            "complete": one["complete"],
        }
        for one in found.chains.to_dicts()
    ]


def c11() -> dict[str, Any]:
    """Interruptions just short enough and one second too long; 8 of 10 minutes, and not."""
    return {
        "joined": chains(score(recordings.BOUT)),
        "parted": chains(score(recordings.TWO_CHAINS)),
        "dense": chains(score(recordings.DENSE)),
        "thin": chains(score(recordings.THIN)),
    }


def c12() -> dict[str, Any]:
    """Compute a bout of just enough credit, one a second short, one over a midnight."""
    enough = 12 * 60
    over = score(recordings.SUNDAY_NIGHT)
    return {
        "enough": chains(score(stretches((enough, 110.0))))[0],
        "short": chains(score(stretches((enough - 1, 110.0), every_s=1)))[0],
        "over": [
            (str(w["week"]), number(w["bout_credit_min"]), number(w["all_credit_min"]))
            for w in over.weeks.to_dicts()
        ],
        "start_day": str(only(over.bouts)["date"]),
    }


def c13() -> dict[str, Any]:
    """Compute a week with four days worn long enough, one of them to the second."""
    found = score(recordings.WEAR)
    week = only(found.weeks)
    return {
        "days": [
            (str(one["date"]), hours(one["wear_ms"]), one["valid_day"])
            for one in found.days.to_dicts()
        ],
        "valid_days": week["valid_days"],
        "valid_week": week["valid_week"],
    }


def week_values(found: Whole) -> dict[str, Any]:
    """Return a week's figures as the page shows them."""
    week = only(found.weeks)
    minutes = {
        name: number(week[name])
        for name in ("bout_credit_min", "all_credit_min", "above_min", "mod_eq_min")
    }
    shares = {
        name: None if week[name] is None else f"{week[name]:.3f}"
        for name in ("attendance", "rdi", "volume", "intensity", "duration")
    }
    counts = {name: week[name] for name in ("bouts", "complete_sessions", "session_days")}
    return {
        **minutes,
        **shares,
        **counts,
        "adherence_pct": f"{week['adherence_pct']:.1f}",
        "adherent": week["adherent"],
    }


def c14() -> dict[str, Any]:
    """Compute a week of three bouts, and the same week with one more session."""
    return {
        "week": week_values(recordings.week()),
        "better": week_values(recordings.week(recordings.ONE_MORE)),
        "bouts": [span(one["credit_ms"]) for one in recordings.week().bouts.to_dicts()],
    }


def c15() -> dict[str, Any]:
    """Compute five minutes of steps, heart rate in the first three and a part of the fourth."""
    found = score(recordings.CADENCE_HR, recordings.CADENCE)
    start_ms = recordings.CADENCE[0][0]
    spans = found.held.select("start_ms", "end_ms").rows()
    held_s = [
        sum(max(0, min(end, at + MINUTE_MS) - max(start, at)) for start, end in spans) // 1000
        for at in (start_ms + n * MINUTE_MS for n in range(len(recordings.CADENCE)))
    ]
    one = only(found.days)
    names = ("steps", "cad100_min", "cad130_min", "hrless_cad100_min")
    return {name: one[name] for name in names} | {"held_s": held_s}


def c16() -> dict[str, Any]:
    """Each flag once, and the walking minutes of a bout."""
    flags = ("still_min", "lock_min", "shake_min", "fast_min")
    found = {
        name: only(score(hr, steps).days)[name]
        for name, (hr, steps) in zip(flags, recordings.FLAGS, strict=True)
    }
    bout = only(score(recordings.WALK_HR, recordings.WALK).bouts)
    return found | {name: bout[name] for name in ("min_counted", "min_zero", "min_walk")}


def side() -> dict[str, Any]:
    """Compute a session's training impulse, and the drift of a resting heart rate."""
    numbers = load_side_figures()
    c = conventions()
    rows = at(*((60 * n, 110.0) for n in range(30)))  # each stands for its minute
    loads = {}
    for sex in ("M", "F"):
        found = score(rows, sex=sex)
        usable = found.usable.lazy()
        week = method.side_weeks(
            found.days.lazy(),
            method.day_loads(found.bpm_days.lazy(), usable, numbers),
            found.rest_days.lazy(),
            found.weeks.lazy(),
            usable,
            c,
            numbers,
        )
        loads[sex] = f"{only(week.collect())['trimp']:.1f}"
    monday = date(2026, 5, 4)
    rest_days = pl.LazyFrame(
        {
            "person": ["a"] * 10,
            "date": [monday + timedelta(days=n) for n in (*range(-7, 0), 0, 2, 4)],
            "rest_bpm": [60.0, 61.0, 62.0, 60.0, 61.0, 63.0, 61.0, 66.0, 67.0, 69.0],
        }
    )
    listed = pl.LazyFrame({"person": ["a"], "week": [monday]})
    drift = only(method.rest_drift(rest_days, listed, numbers).collect())
    return {
        "men": loads["M"],
        "women": loads["F"],
        "rest": number(drift["rest_bpm"]),
        "base": number(drift["rest_base_bpm"]),
        "drift": number(drift["rest_drift_bpm"]),
        "men_factor": numbers.trimp_factor_men,
        "men_rate": numbers.trimp_rate_men,
        "women_factor": numbers.trimp_factor_women,
        "women_rate": numbers.trimp_rate_women,
        "baseline_days": 7 * numbers.baseline_weeks,
        "baseline_least_days": numbers.baseline_least_days,
    }


def hours(length_ms: int) -> str:
    """Return a span as hours and minutes."""
    return f"{length_ms // 3_600_000}:{length_ms // MINUTE_MS % 60:02}"


def number(value: float) -> str:
    """Return a number without zeros nobody needs, to two places."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


EXAMPLES: Mapping[str, Callable[[], dict[str, Any]]] = {
    "c1": c1,
    "c2": c2,
    "c3": c3,
    "c4": c4,
    "c5": c5,
    "c6": c6,
    "c7": c7,
    "c8": c8,
    "c9": c9,
    "c10": c10,
    "c11": c11,
    "c12": c12,
    "c13": c13,
    "c14": c14,
    "c15": c15,
    "c16": c16,
    "side": side,
    "beyond": beyond,
}
