"""The parts of edge safety together: roster book, guard, events, the on-site page.

All of it works with the network down and the disk full, or sick. What it must not do is stop the
gateway from storing readings: a page that cannot listen and a disk that cannot save are said and
counted.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from alerts.conditions import Gate, Sustained
from config.alert_rules import load_alert_rules
from config.conventions import load_conventions
from config.gateway_settings import GatewaySettings
from ingest.batch.claim import Claim
from ingest.batch.keys import Keys
from ingest.batch.reading import Reading
from ingest.batch.receipt import Receipt
from ingest.batch.roster import RosterBand
from ingest.batch.told import Told
from ingest.gateway.box_keys import forget_former
from ingest.gateway.claims import CLAIMS_FILE, Claims
from ingest.gateway.edge import EdgeGuard, EdgeRule
from ingest.gateway.edge_time import EdgeTime
from ingest.gateway.events import EVENTS_FILE, EventStore
from ingest.gateway.irk import AddressResolver
from ingest.gateway.onsite import Token, listening
from ingest.gateway.onsite_desk import Desk
from ingest.gateway.onsite_frame import Sight
from ingest.gateway.outages import Outages
from ingest.gateway.revoked import REVOKED_FILE, RevocationBook
from ingest.gateway.rosters import ROSTER_FILE, RosterBook

if TYPE_CHECKING:
    from ingest.gateway.neighbour import Neighbour

log = structlog.get_logger()

LOOK_S = 1.0
SAVE_AGAIN_S = 10.0
LISTEN_AGAIN_S = 30.0


def rule_of_the_edge() -> EdgeRule:
    """Return the rule of the ceiling as the district has it, with its sign-off or without."""
    rule, conventions = load_alert_rules().hr_ceiling, load_conventions()
    return EdgeRule(
        rule.id,
        rule.version,
        Sustained(**rule.persistence),
        Gate(conventions.lowest_bpm, conventions.highest_bpm),
    )


class Edge:
    """What one gateway knows of its wearers and does for them by itself."""

    def __init__(
        self,
        settings: GatewaySettings,
        keys: Keys,
        hub_key: Ed25519PublicKey,
        *,
        rule: EdgeRule | None = None,
        time: EdgeTime | None = None,
    ) -> None:
        """Load the roster and the events that wait. `rule` is the district's unless it is given."""
        centre, gateway, data_dir = settings.centre, settings.gateway, settings.data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        self.time = time or EdgeTime()
        self.book = RosterBook(
            data_dir / ROSTER_FILE, hub_key, keys, centre=centre, gateway=gateway, time=self.time
        )
        self.revocation = RevocationBook(
            data_dir / REVOKED_FILE, hub_key, keys, centre=centre, gateway=gateway
        )
        self.events = EventStore(
            data_dir / EVENTS_FILE, keys, centre=centre, gateway=gateway, time=self.time
        )
        self.claims = Claims(
            data_dir / CLAIMS_FILE,
            self.book,
            self.events.add,
            self.time,
            zone=ZoneInfo(settings.radio.time_zone),
            silent_after_s=60 * settings.onsite.claim_silent_after_min,
        )
        self.events.on_refused = self._refused
        self.outages = Outages(self.events.add, self.time)
        self.away: Callable[[], Collection[str]] = tuple
        """Which ears of the box are away now (`ingest.gateway.outages`)."""
        self.guard = EdgeGuard(self.band, rule or rule_of_the_edge(), self.events.add, self.time)
        self.guard.alert = self._alert
        self.vibrate: Callable[[str], object] = _nobody
        """Called with the band of an alarm, at each reading of it; must return at once."""
        self.device_key_of = AddressResolver(lambda: self.book.identity_keys).device_key
        """Whose private address that is, by the roster's identity keys; None: nobody's."""
        self.neighbours: Callable[[], Sequence[Neighbour]] = tuple
        """Bands that are heard and not registered, for the page alone."""
        self.unsent: Callable[[], int] = int
        """Batches that the district has not answered for; the gateway sets it."""
        self.can_store: Callable[[], bool] = _yes
        """Whether what is heard reaches the disk; the gateway sets it."""
        self.link_is_up: Callable[[], bool] = bool
        """Whether the broker is there; the gateway sets it."""
        self.page_says = "off"
        self._settings, self._keys = settings, keys
        self._token = Token()
        self._desk = Desk(self.sight, self.claims, self.book, self.time, settings.onsite.language)
        self._was_connected: bool | None = None
        self._link_since_mono_ms: int | None = None

    def band(self, device_key: str, at_ms: int) -> RosterBand | None:
        """Return who wears a band at that time (ms UTC): by the roster, else by their own word."""
        return self.book.band(device_key, at_ms) or self.claims.band(device_key, at_ms)

    def registered(self) -> Mapping[str, str | None]:
        """Return every band that may be heard, with the family it is to be talked with in."""
        return {**self.claims.registered(), **self.book.registered()}

    def is_connected(self) -> bool:
        """Say whether the broker is there."""
        return self.link_is_up()

    def heard(self, readings: Sequence[Reading]) -> None:
        """Take what has just been heard, before any queue."""
        for reading in readings:
            self.claims.heard(reading)
        self.guard.heard(readings)

    @property
    def is_revoked(self) -> bool:
        """Say whether the district takes nothing from this box any more."""
        return self.revocation.is_revoked

    async def take_roster(self, sealed: bytes) -> None:
        """Take a roster off the broker: it holds at once, and is saved beside.

        A notice of revocation comes the same way.
        """
        if self.revocation.take(sealed):
            return
        if self.book.take(sealed):
            await self._save_roster()

    def take_receipt(self, receipt: Receipt) -> None:
        """Take the hub's word on events, and its clock."""
        self.time.heard_hub(receipt.hub_utc_ms)
        if receipt.events or receipt.refused_events:
            self.events.settle(receipt.boot, receipt.events, receipt.refused_events)

    def let_former_keys_go(self) -> bool:
        """Throw away the keys before the present ones, once nothing on disk needs them; say so."""
        if self._keys.former is None or not self.events.is_open or not self.book.is_saved:
            return False
        if self.book.needs_former_keys:
            return False
        forget_former(self._settings.data_dir)
        log.info("former_keys_forgotten")
        self._keys = replace(self._keys, former=None)
        return True

    async def run(self) -> None:
        """Look, save and show until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.events.keep(), name="events")
            group.create_task(self._look(), name="edge")
            group.create_task(self._show(), name="page")

    async def close(self) -> None:
        """Put what was raised last on disk, if the disk lets us."""
        if self.claims.standing or not self.claims.is_saved:
            await self._save_claims()
        await self.events.save()
        await asyncio.to_thread(self.events.close)

    def sight(self) -> Sight:
        """Return what the page shows now."""
        roster = self.book.roster
        registered = {key.upper() for key in self.registered()}
        return Sight(
            centre=self._settings.centre,
            gateway=self._settings.gateway,
            now_mono_ms=self.time.mono_ms(),
            alarms=self.guard.alarms,
            ended=list(self.guard.ended),
            here=list(self.guard.here.values()),
            registered=len(registered),
            has_roster=roster is not None,
            roster_expired=self.book.is_expired,
            connected=self.is_connected(),
            events_waiting=self.events.waiting,
            neighbours=[one for one in self.neighbours() if one.address.upper() not in registered],
            battery_pct=self.guard.battery_pct,
            claims=list(self.claims.standing.values()),
            refused=list(self.claims.refused.values()),
            can_claim=bool(self.book.claimers),
            unsent_batches=self.unsent(),
            can_store=self.can_store(),
            is_revoked=self.is_revoked,
            link_since_mono_ms=self._link_since_mono_ms,
            token=self._token.text,
        )

    def status(self) -> Mapping[str, object]:
        """Return counts for the status file and the `state` topic; nothing of a person."""
        roster, events = self.book.roster, self.events
        return {
            "roster_version": None if roster is None else roster.version,
            "roster_expires_utc_ms": None if roster is None else roster.expires_utc_ms,
            "roster_expired": self.book.is_expired,
            "roster_bands": len(self.book.registered()),
            "roster_saved": self.book.is_saved,
            "rosters_refused": dict(self.book.refused),
            "alarms": len(self.guard.alarms),
            "readings_judged": self.guard.count["judged"],
            "readings_poor_signal": self.guard.count["poor_signal"],
            "readings_of_nobody": self.guard.count["nobody"],
            "events_raised": events.raised,
            "events_waiting": events.waiting,
            "events_unsaved": events.unsaved,
            "events_receipted": events.receipted,
            "events_refused": events.refused,
            "events_lost": events.lost,
            "event_save_failures": events.save_failures,
            "ears_away": self.outages.standing,
            "claims": len(self.claims.standing),
            "claims_refused": len(self.claims.refused),
            "claim_codes_wrong": self._desk.guessing.wrong,
            "page": self.page_says,
            "revoked": self.is_revoked,
        }

    async def _look(self) -> None:
        """End what is over; save claims, and try again to save a roster that is not on disk."""
        since_s = wait_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()
            wait_s -= LOOK_S
            if not self.claims.is_saved and wait_s <= 0:
                wait_s = 0.0 if await self._save_claims() else SAVE_AGAIN_S
            since_s += LOOK_S
            if since_s >= SAVE_AGAIN_S and self._keys.former is not None:
                self.let_former_keys_go()
            if since_s >= SAVE_AGAIN_S and not self.book.is_saved:
                since_s = 0.0
                await self._save_roster()

    def look(self) -> None:
        """End what is over, and note since when the district is reached or not."""
        self.claims.look()
        self.guard.look()
        self.outages.look(self.away())
        if self.is_connected() != self._was_connected:
            self._was_connected = self.is_connected()
            self._link_since_mono_ms = self.time.mono_ms()

    def _alert(self, device_key: str) -> None:
        self.vibrate(device_key)

    def _refused(self, told: Told) -> None:
        """Take in what the district refuses for good: a claim ends with it."""
        if isinstance(told, Claim):
            self.claims.is_refused(told)

    async def _save_claims(self) -> bool:
        try:
            await asyncio.to_thread(self.claims.save)
        except OSError as error:
            # They hold all the same, until the next start; what to do: make room on the disk.
            log.error("claims_not_saved", why=error.strerror)  # noqa: TRY400 - foreseen
            return False
        return True

    async def _save_roster(self) -> None:
        try:
            await asyncio.to_thread(self.book.save)
        except OSError as error:
            # It holds all the same, until the next start; what to do: make room on the disk.
            log.error("roster_not_saved", why=error.strerror)  # noqa: TRY400 - foreseen

    async def _show(self) -> None:
        """Serve the page; a port that is taken costs the page, not the gateway."""
        port = self._settings.onsite.port
        if not port:
            return
        while True:
            try:
                async with listening(port, self._desk.answer, self._token):
                    self.page_says = "on"
                    await asyncio.Event().wait()
            except OSError as error:
                self.page_says = "cannot_listen"
                log.error("page_cannot_listen", port=port, why=error.strerror)  # noqa: TRY400 - foreseen
                await asyncio.sleep(LISTEN_AGAIN_S)


def _nobody(_device_key: str) -> None:
    """Vibrate nobody's band."""


def _yes() -> bool:
    """Say that all is well."""
    return True
