"""The sheet of side figures, column by column: beside adherence, in nobody's payment."""

from collections.abc import Mapping

from config.language import later
from reports.workbook.columns import JUDGED_BY, WHO_AND_WHEN
from reports.workbook.sheet import Column

NOT_ADHERENCE = later(
    "These figures are not part of adherence: no state, no payment and no alert rests on them."
)

ZONES: Mapping[str, str] = {
    "very_light": later("Very light, min"),
    "light": later("Light, min"),
    "moderate": later("Moderate, min"),
    "vigorous": later("Vigorous, min"),
    "near_max": later("Near maximal, min"),
}
"""Zone of heart-rate reserve -> heading."""

SIDE = (
    *WHO_AND_WHEN,
    *[
        Column(
            f"{zone}_min",
            heading,
            "number",
            9,
            f"Minutes held in the zone `{zone}` of heart-rate reserve; empty without figures.",
        )
        for zone, heading in ZONES.items()
    ],
    Column(
        "mod_eq_min",
        later("Moderate-equivalent, min"),
        "number",
        10,
        "Moderate minutes, and twice the vigorous and near maximal ones.",
    ),
    Column(
        "trimp",
        later("Training impulse"),
        "number",
        9,
        "Banister's training impulse, without unit; empty where sex or figures are not known.",
    ),
    Column(
        "over_ceiling_min",
        later("At the ceiling, min"),
        "number",
        9,
        "Minutes held at or above the prescription's ceiling; empty without one.",
    ),
    Column(
        "rest_bpm",
        later("Resting heart rate, bpm"),
        "number",
        9,
        "Median of the week's days with a resting heart rate; empty without any.",
    ),
    Column(
        "rest_days",
        later("Days with it"),
        "count",
        7,
        "Days of the week with a resting heart rate.",
    ),
    Column(
        "rest_base_bpm",
        later("Own baseline, bpm"),
        "number",
        9,
        "Median of the days of the weeks before; empty with too few of them.",
    ),
    Column(
        "rest_base_days",
        later("Days of the baseline"),
        "count",
        8,
        "Days of the weeks before with a resting heart rate.",
    ),
    Column(
        "rest_drift_bpm",
        later("Drift, bpm"),
        "number",
        8,
        "Resting heart rate less the own baseline; empty where one of them is.",
    ),
    *JUDGED_BY,
    Column(
        "side_version", later("Side figures"), "text", 8, "Version of the side figures' numbers."
    ),
    Column(
        "input_sha256",
        later("Input hash (SHA-256)"),
        "hash",
        44,
        "SHA-256 over exactly what the row was computed from.",
    ),
)

SIDE_TABLES: Mapping[str, tuple[Column, ...]] = {later("Side figures"): SIDE}
"""The sheet, by its English name; only where it is asked for."""
