"""Why a case has no figures, and what the person at the keyboard can do about it."""

from adherence.figures import MAX_NOT_ABOVE_REST, NO_AGE, NO_REST_DAY, NO_SAMPLES
from adherence.prescription import CEILING_NOT_ABOVE_ZONE
from config.language import _, later

_SENTENCES = {
    NO_SAMPLES: later("no usable heart rate of this person: write person alike in both files"),
    NO_AGE: later("give age or hr_max"),
    NO_REST_DAY: later("no day is recorded long enough to estimate from: give rest_hr"),
    MAX_NOT_ABOVE_REST: later(
        "the maximum is not above the resting heart rate: check age, hr_max and rest_hr"
    ),
    CEILING_NOT_ABOVE_ZONE: later(
        "the ceiling is not above the heart rate at which the zone begins: check ceiling_bpm"
    ),
}


def in_words(reason: str) -> str:
    """Return the reason's code with a sentence that says what to do."""
    return f"{reason} ({_(_SENTENCES[reason])})"
