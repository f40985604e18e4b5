"""Bands that their wearers have said are theirs, for one session.

A watch that broadcasts heart rate takes another address at every start and has no key to know it
by: only its wearer can say whose it is. Said on the on-site page it holds at once, network or not:
the band is registered on this box, and the claimer's ceiling protects from the first reading. It
ends with the press of "finished", with silence, at local midnight, with somebody else's claim of
the band, with another claim of the same person, or when the roster says otherwise. That the box
learns what time it is ends nothing (`standing`).
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from ingest.batch.claim import CLAIM_BYTES, Claim, Offer, WhyEnded
from ingest.batch.reading import Flag, Quantity, Reading
from ingest.batch.roster import Claimer, Limits, RosterBand
from ingest.gateway.edge_time import EdgeTime, machine_start
from ingest.gateway.kept_file import keep
from ingest.gateway.neighbour import BROADCAST, Neighbour
from ingest.gateway.rosters import RosterBook
from ingest.gateway.standing import (
    CLOCK_OFF_MS,
    SAVE_EVERY_MS,
    Standing,
    latest_ms,
    read_standing,
    resumed,
)

log = structlog.get_logger()

CLAIMS_FILE = "claims.json"
MAX_STANDING = 500
"""Claims at a time; a hall has fewer people."""
LAST_READING_MS = 1_000
"""A claim that ended in silence still covers its last reading."""


class Claims:
    """The claims of one box. All methods but `save` belong to the event loop's thread."""

    def __init__(
        self,
        path: Path,
        book: RosterBook,
        tell: Callable[[Claim | Offer], None],
        time: EdgeTime,
        *,
        zone: ZoneInfo,
        silent_after_s: float,
        machine: str | None = None,
    ) -> None:
        """Load what stood before the start; `tell` takes what the district is to know.

        `machine` names this start of the machine; None: as the system does.
        """
        self.is_saved = True
        self.refused: dict[bytes, tuple[int, str]] = {}
        """When (steady ms) the district refused which claim of whom, the newest last."""
        self._path, self._book, self._tell, self._time = path, book, tell, time
        self._zone, self._silent_after_ms = zone, silent_after_s * 1000
        self._machine = machine_start() if machine is None else machine
        self._by_band: dict[str, Standing] = {}
        self._over: list[Standing] = []
        """Ended at a time that the hub has yet to say (`standing`), the newest last."""
        self._saved_mono_ms = time.mono_ms()
        self._load()

    @property
    def standing(self) -> Mapping[str, Standing]:
        """What goes on, by the bands' addresses."""
        return self._by_band

    def registered(self) -> Mapping[str, str | None]:
        """Return the claimed bands with the family they are to be talked with in."""
        return {key: one.family for key, one in self._by_band.items()}

    def band(self, device_key: str, at_ms: int) -> RosterBand | None:
        """Return who says the band is theirs, under the limits of that time; None: nobody.

        A claim that stands holds for whatever is heard now: the wall clock may have been set.
        """
        one = self._by_band.get(device_key)
        if one is None:
            return None
        person = self._book.claimers.get(one.subject)
        limits = None if person is None else limits_at(person, at_ms)
        return RosterBand(
            one.device_key,
            one.family,
            one.subject,
            one.began_utc_ms,
            one.latest_utc_ms,
            *((None, None, None) if limits is None else limits[1:]),
        )

    def begin(self, neighbour: Neighbour, person: Claimer) -> None:
        """Let the band be that person's from now on; whatever contradicts it ends."""
        device_key = neighbour.address
        standing = self._by_band.get(device_key)
        if standing is not None and standing.subject == person.subject:
            return
        if standing is not None:
            self._end(standing, "another_wearer")
        for other in [one for one in self._by_band.values() if one.subject == person.subject]:
            self._end(other, "another_band")
        mono_ms, now = self._time.mono_ms(), self._time.utc_ms()
        began = min(self._times(now))
        is_sure = self._time.hub_ahead_ms is not None
        one = Standing(
            claim=secrets.token_hex(CLAIM_BYTES),
            device_key=device_key,
            family=BROADCAST if neighbour.can_be_claimed else None,
            subject=person.subject,
            began_utc_ms=began,
            latest_utc_ms=latest_ms(began, self._zone, is_sure=is_sure),
            is_sure=is_sure,
            heard_utc_ms=now,
            heard_mono_ms=mono_ms,
            ahead_ms=now - mono_ms,
            machine=self._machine,
        )
        self._by_band[device_key] = one
        self.is_saved = False
        self._say(one)
        log.info("band_claimed", device=device_key)

    def finish(self, claim: str) -> bool:
        """End a claim by its wearer's word; False: it is over already."""
        for one in self._by_band.values():
            if one.claim == claim:
                self._end(one, "finished")
                return True
        return False

    def offer(self, neighbour: Neighbour) -> None:
        """Ask the district to register a band: its address and kind, without a value."""
        self._tell(
            Offer(
                centre="",
                gateway="",
                boot=b"",
                number=0,
                age_ms=None,
                device_key=neighbour.address,
                families=neighbour.families,
                offered_utc_ms=self._time.utc_ms(),
            )
        )

    def heard(self, reading: Reading) -> None:
        """Note a sign of life: a pulse that is not known to be off the skin."""
        one = self._by_band.get(reading.device_key)
        off_skin = reading.flags & Flag.CONTACT_KNOWN and not reading.flags & Flag.CONTACT
        if one is not None and reading.quantity is Quantity.HEART_RATE_BPM and not off_skin:
            one.heard_mono_ms = self._time.mono_ms()
            one.heard_utc_ms = one.now_utc_ms(one.heard_mono_ms)
            one.is_heard_fixed = False

    def look(self) -> None:
        """Bring every claim to what time it is, and end what is over; call it every second."""
        mono_ms, now = self._time.mono_ms(), self._time.utc_ms()
        if self._by_band and mono_ms - self._saved_mono_ms >= SAVE_EVERY_MS:
            self.is_saved = False
        self._tell_what_is_over()
        for one in list(self._by_band.values()):
            if self._follow(one):
                self._say(one)
            if one.now_utc_ms(mono_ms) >= one.latest_utc_ms:
                self._end(one, "midnight", one.latest_utc_ms)
            elif mono_ms - one.heard_mono_ms > self._silent_after_ms:
                self._end(one, "silent", one.heard_utc_ms + LAST_READING_MS)
            elif one.subject not in self._book.claimers or self._is_registered(one, now):
                self._end(one, "roster")

    def is_refused(self, told: Claim) -> None:
        """Take in that the district refuses a claim: it holds no longer, and the page says so.

        What was said at a guessed time (nobody is in a programme in 1970) and has been said anew
        since has another answer to come.
        """
        one = self._by_band.get(told.device_key)
        if one is not None and one.claim == told.claim.hex():
            if one.is_sure and not told.is_sure:
                return
            del self._by_band[told.device_key]
        self._over = [one for one in self._over if one.claim != told.claim.hex()]
        self.is_saved = False
        self.refused[told.claim] = self._time.mono_ms(), told.subject
        while len(self.refused) > MAX_STANDING:
            del self.refused[next(iter(self.refused))]

    def save(self) -> None:
        """Put what stands on disk; raises OSError."""
        was_saved, self.is_saved = self.is_saved, True  # what changes from here on is not saved
        self._saved_mono_ms = self._time.mono_ms()
        try:
            kept = [asdict(one) for one in (*list(self._by_band.values()), *self._over)]
            keep(self._path, json.dumps(kept).encode())
        except BaseException:
            self.is_saved = was_saved
            raise

    def _times(self, now: int) -> tuple[int, int]:
        """Return what it is by the best guess and by the wall clock, if that is nearly right.

        Readings bear the wall clock's time: a claim reaches as far as either.
        """
        wall = self._time.wall_ms()
        return (now, wall) if abs(now - wall) <= CLOCK_OFF_MS else (now, now)

    def _is_registered(self, one: Standing, now: int) -> bool:
        """Say whether the district gave the band to somebody meanwhile."""
        return self._book.band(one.device_key, now) is not None

    def _follow(self, one: Standing) -> bool:
        """Bring a claim to what time it is; say whether the district is to hear of it."""
        before = one.ahead_ms, one.is_sure
        is_news = one.follow(self._time, self._zone)
        if abs(one.ahead_ms - before[0]) > CLOCK_OFF_MS or one.is_sure != before[1]:
            self.is_saved = False
            log.info("band_claim_moved", device=one.device_key, time_is_known=one.is_sure)
        return is_news

    def _now(self, one: Standing) -> int:
        """Return what it is now for the end of a claim: as late as its readings may say."""
        now = one.now_utc_ms(self._time.mono_ms())
        if one.is_sure and self._time.hub_ahead_ms is None:
            return now  # the box's guess of now may be a year off
        return max(now, *self._times(self._time.utc_ms()))

    def _end(self, one: Standing, why: WhyEnded, at_utc_ms: int | None = None) -> None:
        """End a claim, now or at an earlier time that its own count gives."""
        if at_utc_ms is None:
            self._follow(one)
            at_utc_ms = self._now(one)
        del self._by_band[one.device_key]
        self.is_saved = False
        one.ended_utc_ms, one.why_ended = at_utc_ms, why
        if self._is_end_known(one):
            self._say(one)
        else:
            self._over.append(one)
            for oldest in self._over[:-MAX_STANDING]:
                oldest.machine = ""
        log.info("band_claim_ended", device=one.device_key, why=why)

    def _is_end_known(self, one: Standing) -> bool:
        """Say whether the hub's word on the time would leave the end of a claim where it is."""
        return (
            not one.is_fixed
            or not one.machine
            or self._time.hub_ahead_ms is not None
            or one.why_ended == "midnight"
            or (one.why_ended == "silent" and one.is_heard_fixed)
        )

    def _tell_what_is_over(self) -> None:
        """Tell of ended claims whose time is known now, or never will be: its count is lost."""
        for one in [one for one in self._over if self._is_end_known(one)]:
            if one.machine:
                self._follow(one)
            self._over.remove(one)
            self.is_saved = False
            self._say(one)

    def _say(self, one: Standing) -> None:
        ended_utc_ms = one.ended_utc_ms
        self._tell(
            Claim(
                centre="",
                gateway="",
                boot=b"",
                number=0,
                age_ms=None,
                claim=bytes.fromhex(one.claim),
                device_key=one.device_key,
                family=one.family,
                subject=one.subject,
                began_utc_ms=one.began_utc_ms,
                latest_utc_ms=one.latest_utc_ms,
                ended_utc_ms=None if ended_utc_ms is None else max(ended_utc_ms, one.began_utc_ms),
                why_ended=one.why_ended,
                said_utc_ms=self._time.utc_ms(),
                is_sure=one.is_sure,
            )
        )

    def _load(self) -> None:
        try:
            standing = read_standing(self._path)
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError):
            # The wearers claim anew; what the district knows of it ends at midnight.
            log.error("claims_not_read", path=str(self._path))  # noqa: TRY400 - foreseen
            return
        self._by_band = {
            one.device_key: resumed(one, self._time, self._machine)
            for one in [one for one in standing if one.ended_utc_ms is None][:MAX_STANDING]
        }
        self._over = [one for one in standing if one.ended_utc_ms is not None][-MAX_STANDING:]
        for one in self._over:
            if one.machine != self._machine:
                one.machine = ""


def claimed_in(path: Path, now_utc_ms: int) -> frozenset[str]:
    """Return the bands that a start now would find claimed, by their addresses.

    Raises OSError, and ValueError where the file is damaged; no file is no claims.
    """
    try:
        standing = read_standing(path)
    except FileNotFoundError:
        return frozenset()
    except (TypeError, KeyError) as error:
        raise ValueError("not a file of claims") from error
    return frozenset(
        one.device_key
        for one in standing
        if one.ended_utc_ms is None and now_utc_ms < one.latest_utc_ms
    )


def limits_at(person: Claimer, at_ms: int) -> Limits | None:
    """Return what holds for a person at a time (ms UTC); None: nothing is known."""
    held = [limits for limits in person.limits if limits.from_ms <= at_ms]
    return held[-1] if held else None
