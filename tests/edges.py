"""Edges for tests: clocks that a test moves, rosters, and readings as the radio hands them over."""

from dataclasses import dataclass, replace

from alerts.conditions import Gate, Sustained
from ingest.batch.event import Event
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.batch.roster import Roster, RosterBand, seal_roster
from ingest.gateway.edge import EdgeRule
from ingest.gateway.edge_time import EdgeTime

NOON_UTC_MS = 1_767_268_800_000
DAY_MS = 86_400_000
BAND = "C0:FF:EE:00:00:01"
RULE = EdgeRule(
    "hr_ceiling",
    1,
    Sustained(
        min_samples=3, max_gap_ms=15_000, min_span_ms=30_000, slow_samples=2, slow_max_gap_ms=90_000
    ),
    Gate(30, 220),
)


@dataclass
class Clocks:
    """The box's two clocks; `pass_ms` moves both, setting `wall_utc_ms` jumps one."""

    wall_utc_ms: int = NOON_UTC_MS
    mono_ms: int = 5_000_000

    def pass_ms(self, duration_ms):
        self.wall_utc_ms += duration_ms
        self.mono_ms += duration_ms

    def edge_time(self):
        return EdgeTime(mono_ms=lambda: self.mono_ms, wall_ms=lambda: self.wall_utc_ms)


def worn(device_key=BAND, subject="p-1", **changed):
    """A band worn for ever under a ceiling of 150 and a zone of 100 to 130 bpm."""
    band = RosterBand(device_key, "hrs", subject, 0, None, 150.0, 100.0, 130.0)
    return band._replace(**changed)


def roster(
    *bands, version=1, centre="centre", gateway="hall-1", issued_utc_ms=NOON_UTC_MS - DAY_MS
):
    return Roster(
        centre, gateway, version, issued_utc_ms, issued_utc_ms + 14 * DAY_MS, bands or (worn(),)
    )


def sealed(given, hub_keys, box_keys):
    return seal_roster(given, hub_keys.signing, [box_keys.encryption.public_key()])


def live(clocks, bpm, device_key=BAND, *, flags=0, at_utc_ms=None):
    """A heart rate heard now."""
    at = clocks.wall_utc_ms if at_utc_ms is None else at_utc_ms
    return Reading(device_key, Quantity.HEART_RATE_BPM, bpm, at, 0, flags | Flag.CLOCK_RECEIPT)


def event(**changed):
    """An event as a gateway raises it."""
    return replace(
        Event(
            centre="centre",
            gateway="hall-1",
            boot=bytes(range(16)),
            number=0,
            rule="hr_ceiling",
            rule_version=1,
            device_key=BAND,
            subject="p-1",
            onset_utc_ms=NOON_UTC_MS,
            raised_utc_ms=NOON_UTC_MS + 30_000,
            last_utc_ms=NOON_UTC_MS + 30_000,
            state="raised",
            age_ms=12,
            peak_bpm=163.0,
            samples=31,
            ceiling_bpm=150.0,
        ),
        **changed,
    )
