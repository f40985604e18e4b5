"""From a scanner's message to readings of registered bands: pure but for the clocks it is given.

A scanner's stamp says how late its message comes, where it says so at all; else the message is of
the moment in which it came. By how much the scanner's own clock is wrong does not matter
(`stamps`), once that is known (`waiting`).
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
from ingest.gateway.radio.bands import Bands
from ingest.gateway.radio.intake import Intake
from ingest.gateway.radio.passers_by import PassersBy
from ingest.gateway.scanner.counters import ScannerCounters
from ingest.gateway.scanner.message import read_advert, read_pulse
from ingest.gateway.scanner.repeats import Repeats
from ingest.gateway.scanner.topics import Kind, Origin, health_of, origin_of
from ingest.gateway.scanner.waiting import Message, Waiting

log = structlog.get_logger()


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
    _waiting: Waiting = field(init=False)

    def __post_init__(self) -> None:
        """Nothing waits."""
        self._waiting = Waiting(self.counters, self._hand_on)

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
        self._came(Message(band, origin.scanner, pulse.values), pulse.stamp_utc_ms)

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
        raw = advert.manufacturer_data, advert.service_data
        message = Message(band, origin.scanner, advert.values, advert.families, *raw)
        self._came(message, advert.stamp_utc_ms)

    def look(self) -> None:
        """Give up what has waited for its time too long; call it every second."""
        self._waiting.give_up(round(self.mono_s() * 1000))

    def close(self) -> None:
        """Hand on all that waits, and hear no more."""
        self._waiting.give_up()
        self.intake.is_open = False

    def _came(self, message: Message, stamp_utc_ms: int | None) -> None:
        now_s = self.mono_s()
        if message.values or message.manufacturer_data or message.service_data:
            message.band.was_heard(now_s)
        self._waiting.came(
            message, stamp_utc_ms, mono_ms=round(now_s * 1000), wall_ms=self.wall_ms()
        )

    def _hand_on(self, message: Message, age_ms: int | None) -> None:
        """Take in what was true so long ago; None: nobody can say."""
        if not message.band.is_registered:
            return
        said_s = self.mono_s() - (age_ms or 0) / 1000
        fresh = []
        for value in message.values:
            name = message.band.key, value.quantity, value.value
            if self._repeats.is_new(*name, message.sender, said_s):
                fresh.append(value)
            else:
                self.counters.repeated += 1
        if fresh:
            self.intake.live(message.band, self._placed(fresh, age_ms), said_s)
        self._undecoded(message, age_ms, said_s)

    def _undecoded(self, message: Message, age_ms: int | None, said_s: float) -> None:
        """Read what the scanner did not, as if one of the box's own adapters had heard it."""
        manufacturer, service = message.manufacturer_data, message.service_data
        families = load_families()
        for family in (families[key] for key in message.families):
            if family.advert is None or not (manufacturer or service):
                continue
            said = said_anew(message.band, family, manufacturer, service, said_s)
            if said.outcome is Outcome.REJECTED:
                self._reject(said.data, said.reason)
            elif said.values:
                placed = self._placed(said.values, age_ms)
                self.intake.live(message.band, placed, said_s, counted=said.counted)

    def _placed(self, values: Sequence[Value], age_ms: int | None) -> Sequence[Value]:
        """Give values of a while ago their time; mark those of whom nobody can say."""
        if age_ms is None:
            self.counters.unplaced += len(values)
            return [value._replace(clock_suspect=True) for value in values]
        if not age_ms:
            return values
        self.counters.delayed += len(values)
        at_utc_ms = self.wall_ms() - age_ms
        return [value._replace(at_utc_ms=at_utc_ms) for value in values]

    def _reject(self, payload: bytes, reason: str) -> None:
        self.counters.rejected[reason] += 1
        self.intake.rejected(payload, reason)
