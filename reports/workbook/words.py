"""The workbook's words for states and reasons."""

from collections.abc import Callable, Mapping

from config.language import later

STATES: Mapping[str, str] = {
    "met": later("met"),
    "not_met": later("not met"),
    "cannot_judge": later("cannot be judged"),
}

REASONS: Mapping[str, str] = {
    "first_partial_week": later("first partial week"),
    "paused": later("paused"),
    "week_not_over": later("week not over"),
    "no_figures": later("no heart-rate limits"),
    "rpe_without_log": later("no session log"),
    "no_band": later("no band"),
    "band_flat": later("band flat"),
    "gateway_outage": later("gateway outage"),
    "not_enough_wear": later("not enough wear"),
}
"""Why a week cannot be judged, as the core says it; each is a column of the summaries."""


def shown(words: Mapping[str, str], code: str | None, text: Callable[[str], str]) -> str | None:
    """Return a code in the reader's language; a code nobody has named is shown as it is."""
    return None if code is None else text(words.get(code, code))
