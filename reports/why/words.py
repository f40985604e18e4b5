"""The words for what became of a minute."""

from collections.abc import Mapping

from adherence import minutes
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
