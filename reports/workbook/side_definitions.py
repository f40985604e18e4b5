"""What each side figure is and means, with its source: for the workbook and the pages."""

from collections.abc import Callable, Iterator, Mapping

from config.conventions import Conventions
from config.language import later
from config.side_figures import SideFigures

SIDE_DEFINITIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    later("Side figures: time in zones"): (
        later(
            "All time with heart rate, by its share of heart-rate reserve: very light, light, "
            "moderate, vigorous, near maximal. It counts outside bouts too, so it is more than the "
            "credited time."
        ),
        (
            "light_from_pct",
            "moderate_from_pct",
            "vigorous_from_pct",
            "near_max_from_pct",
        ),
    ),
    later("Side figures: moderate-equivalent minutes"): (
        later(
            "Moderate minutes, and each vigorous or near maximal one twice. The World Health "
            "Organization recommends 150 to 300 a week to adults (WHO 2020)."
        ),
        ("vigorous_weight",),
    ),
    later("Side figures: training impulse (TRIMP)"): (
        later(
            "Minutes * x * factor * e^(rate * x), x being the fraction of heart-rate reserve from "
            "0 to 1, with factor and rate by sex (Banister 1991). A figure of load without unit: "
            "it compares weeks of one person, not persons."
        ),
        (
            "trimp_factor_men",
            "trimp_rate_men",
            "trimp_factor_women",
            "trimp_rate_women",
        ),
    ),
    later("Side figures: time at the ceiling"): (
        later("Time with the heart rate at or above the ceiling of the prescription of the day."),
        (),
    ),
    later("Side figures: resting heart rate and its drift"): (
        later(
            "A day's resting heart rate is a low percentile of its minute means, on days with "
            "enough of them; the week's is the median of its days. The drift is its distance from "
            "the person's own baseline: the median of the days of the weeks before, with enough of "
            "them. A rise may come from illness, heat, alcohol, stress or medicines; one person in "
            "five moves by 10 bpm within some week (Quer 2020)."
        ),
        ("rest_least_minutes", "rest_percentile", "baseline_weeks", "baseline_least_days"),
    ),
}
"""Term -> (definition with its source, names of the numbers it uses)."""


def side_numbers(conventions: Conventions, side: SideFigures, names: tuple[str, ...]) -> list[str]:
    """Say the numbers of these names with their units, as they are in force."""
    said = []
    for name in names:
        if name in side.sources:
            number = side.sources[name]
            said.append(f"{name} = {number.value} {number.unit}")
        else:
            source = conventions.sources[name]
            said.append(f"{name} = {source.value} {source.unit} ({source.convention})")
    return said


def explained(
    conventions: Conventions, side: SideFigures, text: Callable[[str], str]
) -> Iterator[tuple[str, str, str]]:
    """Yield term, definition and numbers in force of each side figure, in one language."""
    for term, (definition, names) in SIDE_DEFINITIONS.items():
        yield text(term), text(definition), "; ".join(side_numbers(conventions, side, names))
