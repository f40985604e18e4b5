"""The words for what became of a minute, of a logged session and of a part of the week."""

from collections.abc import Mapping

from adherence import counters, minutes
from config.language import later

UNWORN = "unworn"
NO_BAND = "no_band"
OUTAGE = "outage"

REASONS: Mapping[str, str] = {
    minutes.CREDITED: later("credited"),
    minutes.ABOVE: later("above the zone"),
    minutes.SHORT: later("in the zone, bout too short"),
    minutes.BELOW: later("below the zone"),
    minutes.UNJUDGED: later("heart rate without a prescription"),
    UNWORN: later("band not on the skin"),
    NO_BAND: later("no band assigned"),
    OUTAGE: later("gateway outage"),
    minutes.NO_DATA: later("no data"),
}
"""Reason -> what a person reads, in the order of a legend."""

COUNTS = "counts"
ABSENT = "absent"
NOT_ASKED = "not_asked"
TOO_SHORT = "too_short"
OUTSIDE_RATING = "outside_rating"
TOO_SOON = "too_soon"
SAME_DAY = "same_day"
NOT_YET = "not_yet"

VERDICTS: Mapping[str, str] = {
    COUNTS: later("counts"),
    ABSENT: later("did not come"),
    NOT_ASKED: later("no part of the prescription counts it"),
    TOO_SHORT: later("too short"),
    OUTSIDE_RATING: later("exertion outside the range"),
    TOO_SOON: later("too soon after the session before"),
    SAME_DAY: later("the day counts already"),
    NOT_YET: later("not counted yet"),
}
"""What became of an entry of the session log -> what a person reads."""

PARTS: Mapping[str, str] = {
    "aerobic": later("aerobic exercise"),
    "resistance": later("resistance training"),
    "balance": later("balance training"),
    "steps": later("steps"),
}
"""A part of a prescription -> what a person reads."""

WAYS: Mapping[str, str] = {
    counters.WRAPPED: later("the counter began anew at its top"),
    counters.RESTARTED: later("the band was started again"),
    counters.TOO_FAST: later("more than can be walked: not counted"),
    counters.UNKNOWN_START: later("walked at an unknown time before: not counted"),
    counters.OF_TOMORROW: later("the band counts it to its next day"),
}
"""What became of the way to a running total -> what a person reads."""
