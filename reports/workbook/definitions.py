"""The definitions sheet: every figure's formula in Chinese and in English, with today's numbers.

The thresholds are read from the conventions, so the sheet cannot say another number than the core
used.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from config.components import load_components
from config.conventions import Conventions
from config.language import later, translator
from config.schemes import Scheme
from config.side_figures import load_side_figures
from reports.workbook.payment_definitions import PAYMENT_DEFINITIONS, in_force
from reports.workbook.side_definitions import SIDE_DEFINITIONS, side_numbers

DEFINITIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    later("Local day and week"): (
        later(
            "Local time is UTC plus a fixed offset. A day runs from 00:00 to 24:00, a week from "
            "Monday 00:00 to the next Monday 00:00. A report counts finished days only."
        ),
        ("utc_offset_min",),
    ),
    later("Counted heart rate"): (
        later(
            "Values outside the sensor's range are dropped, several values of one moment become "
            "their mean, and single spikes are dropped. A value stands until the next one, at most "
            "for the longest hold; nothing is interpolated."
        ),
        (
            "lowest_bpm",
            "highest_bpm",
            "spike_reach_s",
            "spike_deviation_bpm",
            "spike_least_samples",
            "longest_hold_s",
        ),
    ),
    later("Heart-rate reserve"): (
        later(
            "100 * (heart rate - resting) / (maximum - resting). Maximum and resting heart rate "
            "are those frozen in the version of the prescription in force on the day."
        ),
        (
            "hr_max_intercept_bpm",
            "hr_max_intercept_beta_blocker_bpm",
            "hr_max_fall_tenths_per_year",
            "rest_least_minutes",
            "rest_percentile",
        ),
    ),
    later("Creditable time"): (
        later(
            "Time with the heart rate in the prescribed zone: lower limit <= reserve < upper "
            "limit. Time at or above the upper limit, or the ceiling where that is lower, is shown "
            "and never credited."
        ),
        (),
    ),
    later("Bout"): (
        later(
            "A chain of effort without an interruption longer than the longest one allowed. It "
            "qualifies with enough effort in all and enough effort in some window. Only its "
            "creditable time counts. It belongs whole to the local day in which it starts."
        ),
        (
            "longest_interruption_s",
            "least_bout_effort_s",
            "bout_window_s",
            "bout_window_effort_s",
        ),
    ),
    later("Complete session"): (
        later(
            "A bout whose creditable time reaches this share of the session minutes in the version "
            "of the prescription in force at its start."
        ),
        ("complete_from_pct",),
    ),
    later("Wear, valid day, valid week"): (
        later(
            "Wear is the time with heart rate. A day is valid with enough wear, a week with enough "
            "valid days. Wear is used only to tell 'did not exercise' from 'did not wear'."
        ),
        ("valid_day_min", "valid_week_days"),
    ),
    later("Attendance of a week"): (
        later(
            "Days with at least one complete session / sessions prescribed for a week, at most 1. "
            "A week is judged by the targets in force on its Monday; the first week of a "
            "prescription by its first targets."
        ),
        (),
    ),
    later("Relative dose of a week"): (
        later("Creditable minutes in qualifying bouts / minutes prescribed for a week."),
        (),
    ),
    later("Intensity"): (
        later(
            "The zone is written in percent of heart-rate reserve, in percent of the maximum heart "
            "rate, in beats per minute, or as a rating of perceived exertion (Borg 6-20). Under a "
            "rating heart rate credits nothing: a logged session is complete with a rating in the "
            "zone, both ends included, and enough of its minutes."
        ),
        ("logged_from_pct",),
    ),
    later("Resistance and balance, % of a week"): (
        later(
            "100 * days with a logged session that counts / days prescribed, at most 100. A "
            "session counts with enough of the minutes prescribed for it, where there are any. "
            "Between two days of resistance that both count lie the rest days prescribed."
        ),
        ("logged_from_pct",),
    ),
    later("Steps, % of a week"): (
        later("100 * days with the steps prescribed for a day / days of the week."),
        ("steps_days_per_week",),
    ),
    later("Adherence, % of a week"): (
        later(
            "The lowest percentage of the parts prescribed. Of the aerobic part: 100 * the smaller "
            "of attendance and relative dose, the dose counted at most as 1."
        ),
        (),
    ),
    later("State: met"): (
        later(
            "Every part prescribed reaches the pass mark (of the aerobic part attendance and "
            "relative dose both), whatever the wear: what was recorded is enough."
        ),
        ("adherent_from_pct",),
    ),
    later("State: not met"): (
        later(
            "The pass mark is not reached, and the week was observed: a valid week where the band "
            "is worn all day; no gateway outage in opening hours where it is worn in the centre; "
            "an entry in the session log where all that is asked for comes from the log."
        ),
        ("adherent_from_pct", "valid_week_days"),
    ),
    later("State: cannot be judged"): (
        later(
            "Every other week, with its reason. It is in neither the numerator nor the denominator "
            "and is listed among the exclusions."
        ),
        (),
    ),
    later("Adherence rate"): (
        later(
            "Numerator: patient-weeks met. Denominator: patient-weeks met + not met. Only weeks "
            "that are over stand in either. Empty where the denominator is 0."
        ),
        (),
    ),
    later("Share of passing patients"): (
        later(
            "Numerator: patients whose mean adherence over judged weeks reaches the pass mark. "
            "Denominator: patients with at least one judged week."
        ),
        ("adherent_from_pct",),
    ),
    later("Share of weeks judged"): (
        later(
            "Patient-weeks judged / patient-weeks over, of the period. A week that is not over "
            "is in neither."
        ),
        (),
    ),
    later("Input hash"): (
        later(
            "SHA-256 over exactly what a row was computed from: the counted heart-rate values, the "
            "steps, the session log where it counts, the frozen figures and targets, and the "
            "conventions. The same inputs give the same hash."
        ),
        (),
    ),
}
"""Term -> (definition, names of the numbers it uses: of the conventions or the components)."""


def definitions(
    conventions: Conventions,
    text: Callable[[str], str],
    schemes: Sequence[Scheme] = (),
    *,
    with_side: bool = False,
) -> Iterator[Mapping[str, object]]:
    """Yield one row per term, in order; those of payment only where a scheme is in force.

    Side figures are explained where they are shown.
    """
    for term, (definition, names) in DEFINITIONS.items():
        yield _row(term, definition, (_in_force(conventions, name) for name in names), text)
    side = load_side_figures()
    for term, (definition, names) in SIDE_DEFINITIONS.items() if with_side else ():
        yield _row(term, definition, side_numbers(conventions, side, names), text)
    for term, (definition, names) in PAYMENT_DEFINITIONS.items() if schemes else ():
        values = (in_force(scheme, name) for scheme in schemes for name in names)
        yield _row(term, definition, values, text)


def _row(
    term: str, definition: str, values: Iterable[str], text: Callable[[str], str]
) -> Mapping[str, object]:
    chinese = translator("zh_CN").gettext
    return {
        "term": text(term),
        "chinese": f"{chinese(term)}:{chinese(definition)}".replace(":", "：", 1),
        "english": f"{term}: {definition}",
        "values": "; ".join(values) or None,
    }


def _in_force(conventions: Conventions, name: str) -> str:
    components = load_components()
    if name in components.sources:
        number = components.sources[name]
        return f"{name} = {number.value} {number.unit}"
    source = conventions.sources[name]
    return f"{name} = {source.value} {source.unit} ({source.convention})"
