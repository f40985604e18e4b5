"""The worked examples of section 13: kinds of intensity, phases, components, the week's state."""

from datetime import date
from typing import Any

import polars as pl

from adherence import method
from adherence.prescription import in_phases
from adherence.schema import LOG
from scripts.method import recordings
from scripts.method.recording import CASE, TYPES, Rows, at, conventions, one_a_day, score, stretches

MONDAY = date(2026, 5, 4)
WEEK_TARGETS = recordings.WEEK_TARGETS
KINDS: dict[str, dict[str, Any]] = {
    "hrr": {"intensity_kind": "hrr", "zone_lo": 40.0, "zone_hi": 60.0},
    "hr_max": {"intensity_kind": "hr_max", "zone_lo": 64.0, "zone_hi": 77.0},
    "bpm": {"intensity_kind": "bpm", "zone_lo": 105.0, "zone_hi": 125.0},
}


def kinds() -> dict[str, tuple[int, int]]:
    """Find the lowest and the highest whole bpm credited, under each way to write a zone."""
    return {name: _credited(**kind) for name, kind in KINDS.items()}


def ceiling() -> tuple[int, int]:
    """Find the same where a ceiling lies in the zone."""
    return _credited(zone_hi=85.0, ceiling_bpm=120.0)


def _credited(**said: Any) -> tuple[int, int]:  # noqa: ANN401 - a case's columns
    bpms = range(60, 200)
    days = score(one_a_day(bpms), **said).days
    credited = [bpm for bpm, ms in zip(bpms, days["credit_ms"], strict=True) if ms]
    return min(credited), max(credited)


def phases() -> list[dict[str, Any]]:
    """Expand a prescription of two phases into the versions that hold in turn."""
    case = CASE | {"start_day": date(2026, 5, 6), "zone_lo": 30.0, "zone_hi": 40.0}
    cases = pl.LazyFrame([case], schema=TYPES | {"start_day": pl.Date})
    given = pl.LazyFrame(
        {
            "case": ["c", "c"],
            "phase": ["progress", "hold"],
            "from_week": [2, 4],
            "zone_lo": [40.0, 50.0],
            "zone_hi": [60.0, 70.0],
        }
    )
    found = in_phases(cases, given).sort("from_day", nulls_last=False).collect()
    columns = ("from_day", "until_day", "zone_lo", "zone_hi")
    return [
        {
            name: f"{value:g}" if isinstance(value, float) else str(value)
            for name, value in row.items()
        }
        for row in found.select(columns).to_dicts()
    ]


def _week(log: pl.LazyFrame, rows: Rows, steps: Rows, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - a case's columns
    found = score(rows, steps, **(WEEK_TARGETS | said))
    spans = pl.LazyFrame({"case": ["c"], "first_day": [MONDAY], "last_day": [MONDAY]})
    weeks = method.weeks(
        found.days.lazy(),
        found.bouts.lazy(),
        found.usable.lazy(),
        spans,
        conventions(),
        log,
    )
    week = weeks.collect().row(0, named=True)
    names = ("aerobic_pct", "resistance_pct", "balance_pct", "steps_pct", "adherence_pct")
    return {name: None if week[name] is None else f"{week[name]:.1f}" for name in names} | {
        "adherent": week["adherent"],
        "session_days": week["session_days"],
        "bout_credit_min": f"{week['bout_credit_min']:g}",
    }


def _log(*sessions: tuple[int, str, float | None, float | None]) -> pl.LazyFrame:
    """Return LOG: day of May 2026, component, minutes, rating of exertion."""
    rows = [
        ("c", date(2026, 5, day), component, minutes, rpe, None)
        for day, component, minutes, rpe in sessions
    ]
    schema = {name: dtype or pl.String for name, dtype in LOG.items()}
    return pl.LazyFrame(rows, schema=schema, orient="row")


def components() -> dict[str, Any]:
    """Compute a week of four components: the lowest is the week's."""
    rows: Rows = []
    for day, in_zone in (("04", 30), ("06", 26), ("08", 30)):
        rows += stretches((60 * in_zone, 110), start=f"2026-05-{day} 07:00:00")
    steps: Rows = [
        (stretches((1, 95), start=f"2026-05-{day:02} 10:00:00")[0][0], count)
        for day, count in zip(
            range(4, 11), (8200, 6100, 9000, 8000, 8500, 7999, 10400), strict=True
        )
    ]
    log = _log(
        (4, "resistance", 20.0, None),
        (5, "resistance", 25.0, None),
        (5, "balance", None, None),
        (7, "balance", None, None),
        (9, "balance", None, None),
    )
    return _week(
        log,
        rows,
        steps,
        resistance_per_week=2.0,
        resistance_min=20.0,
        rest_days=1,
        balance_per_week=3.0,
        steps_per_day=8000.0,
    )


def rated() -> dict[str, Any]:
    """Compute a week under a rating of exertion: sessions come from the log alone."""
    log = _log(
        (5, "aerobic", 30.0, 13.0),
        (7, "aerobic", 25.0, 12.0),
        (9, "aerobic", 30.0, 16.0),
    )
    kind = {"intensity_kind": "rpe", "zone_lo": 12.0, "zone_hi": 14.0}
    return _week(log, at((0, 95.0)), [], **kind)


def states() -> list[dict[str, Any]]:
    """Give each of five weeks its state."""
    weeks = pl.LazyFrame(
        {
            "adherent": [True, False, False, False, False],
            "valid_week": [False, True, False, False, True],
            "excuse": [None, None, None, None, "paused"],
            "hindrance": [None, None, None, "band_flat", None],
        },
        schema_overrides={"excuse": pl.String, "hindrance": pl.String},
    )
    return method.states(weeks).collect().to_dicts()


def beyond() -> dict[str, Any]:
    """Compute all examples of section 13."""
    return {
        "kinds": kinds(),
        "ceiling": ceiling(),
        "phases": phases(),
        "components": components(),
        "rated": rated(),
        "states": states(),
    }
