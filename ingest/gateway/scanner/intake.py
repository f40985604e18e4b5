"""From a scanner's message to readings of registered bands: pure but for the clocks it is given.

A scanner's stamp says how late its message comes, where it says so at all; else the message is of
the moment in which it came. By how much the scanner's own clock is wrong does not matter
(`stamps`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from config.errors import Rejected
from devices.registry import load_families
from devices.value import Value
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.radio.adverts import Outcome, said_anew
from ingest.gateway.radio.bands import Band, Bands
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.passers_by import PassersBy
from ingest.gateway.scanner.counters import ScannerCounters
from ingest.gateway.scanner.message import Advert, read_advert, read_pulse
from ingest.gateway.scanner.repeats import Repeats
from ingest.gateway.scanner.stamps import PROMPT_MS, Stamps
from ingest.gateway.scanner.topics import Kind, Origin, health_of, origin_of

log = structlog.get_logger()

CLOCK_OFF_MS = 120_000


@dataclass(slots=True)
class ScannerIntake:
    """Takes in what scanners and phones say. All methods belong to the event loop's thread."""

    bands: Bands
    intake: Intake
    counters: ScannerCounters
    prefixes: tuple[str, ...]
    phones: Mapping[str, str]
    """By topic, whose pulse it is: the key of a registered band."""
    mono_s: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 10**6
    passers_by: PassersBy = field(default_factory=PassersBy)
    heard_of: set[str] = field(default_factory=set)
    """Scanners that have been there since the start: the broker also keeps the last will of one
    that was thrown away years ago."""
    _gone_mono_s: dict[str, float] = field(default_factory=dict)
    _repeats: Repeats = field(default_factory=Repeats)
    _stamps: Stamps = field(default_factory=Stamps)

    def take(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take in one message; one that cannot be read is counted, and kept if it is somebody's."""
        self.counters.messages += 1
        origin = origin_of(topic, self.prefixes, self.phones)
        match origin:
            case None:
                return
            case Origin(kind=Kind.LIFE):
                self._life(origin.scanner, payload)
            case Origin(kind=Kind.HEALTH):
                self._health(origin.scanner, payload)
            case _ if retained:
                self.counters.retained += 1
            case Origin(kind=Kind.PHONE):
                self._phone(origin, payload)
            case Origin():
                self._advert(origin, payload)

    def _life(self, scanner: str, payload: bytes) -> None:
        """Note that a scanner came or went; its last will says that it went.

        Emptied by hand, the last will says that there is no such scanner any more.
        """
        away = dict(self.counters.offline)
        if payload != b"offline":
            if payload:
                self.heard_of.add(scanner)
            else:
                self.heard_of.discard(scanner)
            self._gone_mono_s.pop(scanner, None)
            if away.pop(scanner, None) is not None:
                log.info("scanner_online", scanner=scanner)
        elif scanner not in away:
            away[scanner] = self.wall_ms()
            self._gone_mono_s[scanner] = self.mono_s()
            log.warning("scanner_offline", scanner=scanner)
        self.counters.offline = away

    def away(self) -> Sequence[str]:
        """Return the scanners that were there, and whose last will has come."""
        return [scanner for scanner in self.counters.offline if scanner in self.heard_of]

    def away_s(self) -> Mapping[str, int]:
        """Return for how long each scanner has been away, since the gateway's start at most."""
        now_s = self.mono_s()
        return {scanner: round(now_s - gone_s) for scanner, gone_s in self._gone_mono_s.items()}

    def _health(self, scanner: str, payload: bytes) -> None:
        lost = health_of(payload)
        if lost is not None:
            self.counters.lost_in_scanner = {**self.counters.lost_in_scanner, scanner: lost}

    def _phone(self, origin: Origin, payload: bytes) -> None:
        band = self.bands.named(self.phones[origin.scanner])
        if band is None:
            self.counters.unregistered += 1
            return
        try:
            pulse = read_pulse(payload)
        except Rejected as error:
            self._reject(payload, error.reason)
            return
        delay_ms = self._delay_ms(origin.scanner, pulse.stamp_utc_ms)
        self._values(band, pulse.values, origin.scanner, delay_ms)

    def _advert(self, origin: Origin, payload: bytes) -> None:
        self.heard_of.add(origin.scanner)
        try:
            advert = read_advert(origin.address, payload)
        except Rejected as error:
            if origin.address is not None and self.bands.get(origin.address) is not None:
                self._reject(payload, error.reason)
            else:
                self.counters.unreadable += 1
            return
        band = self.bands.get(advert.address)
        if band is None:
            self.counters.unregistered += 1
            if not self.passers_by.is_known(advert.address, self.mono_s()):
                near = Neighbour(advert.address, advert.families, advert.name, advert.rssi_dbm)
                self.passers_by.note(near, self.mono_s())
            return
        delay_ms = self._delay_ms(origin.scanner, advert.stamp_utc_ms)
        self._values(band, advert.values, origin.scanner, delay_ms)
        self._undecoded(band, advert, delay_ms)

    def _undecoded(self, band: Band, advert: Advert, delay_ms: int | None) -> None:
        """Read what the scanner did not, as if one of the box's own adapters had heard it."""
        now_s, families = self.mono_s(), load_families()
        for family in (families[key] for key in advert.families):
            if family.advert is None or not (advert.manufacturer_data or advert.service_data):
                continue
            said = said_anew(band, family, advert.manufacturer_data, advert.service_data, now_s)
            if said.outcome is Outcome.REJECTED:
                self._reject(said.data, said.reason)
            elif said.values:
                placed = self._placed(said.values, delay_ms)
                self.intake.live(band, placed, now_s, counted=said.counted)
                band.was_heard(now_s)

    def _delay_ms(self, sender: str, stamp_utc_ms: int | None) -> int | None:
        """Return how late a message comes; 0 where it has no stamp, None: nobody can say."""
        if stamp_utc_ms is None:
            return 0
        mono_ms, wall_ms = round(self.mono_s() * 1000), self.wall_ms()
        delay_ms = self._stamps.delay_ms(sender, stamp_utc_ms, mono_ms=mono_ms, wall_ms=wall_ms)
        if self._stamps.is_off(sender, CLOCK_OFF_MS, mono_ms=mono_ms, wall_ms=wall_ms):
            self.counters.stamps_off += 1
        return delay_ms

    def _values(
        self, band: Band, values: Sequence[Value], scanner: str, delay_ms: int | None
    ) -> None:
        now_s = self.mono_s()
        said_s = now_s - (delay_ms or 0) / 1000
        fresh = []
        for value in values:
            if self._repeats.is_new(band.key, value.quantity, value.value, scanner, said_s):
                fresh.append(value)
            else:
                self.counters.repeated += 1
        if fresh:
            self.intake.live(band, self._placed(fresh, delay_ms), now_s)
            band.was_heard(now_s)

    def _placed(self, values: Sequence[Value], delay_ms: int | None) -> Sequence[Value]:
        """Give values of a while ago their time; mark those of whom nobody can say."""
        if delay_ms is None:
            self.counters.unplaced += len(values)
            return [value._replace(clock_suspect=True) for value in values]
        if delay_ms <= PROMPT_MS:
            return values
        self.counters.delayed += len(values)
        at_utc_ms = self.wall_ms() - delay_ms
        return [value._replace(at_utc_ms=at_utc_ms) for value in values]

    def _reject(self, payload: bytes, reason: str) -> None:
        self.counters.rejected[reason] += 1
        self.intake.rejected(payload, reason)
