"""What comes of a demo, before anybody prints it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from config.language import _
from scripts.replay.freeze import Case
from scripts.replay.shares import Shares
from scripts.show.payment import Paid
from scripts.show.weeks import Weeks
from storage.counts import Committed


@dataclass(frozen=True, kw_only=True)
class RedAlert:
    """The alert of the live minute, as it became visible. Times are UTC milliseconds."""

    patient: str
    name: str | None
    doctor: str
    rule: str
    ceiling_bpm: float | None
    peak_bpm: float | None
    onset_ms: int
    raised_ms: int
    """The reading that completed the condition."""
    visible_ms: int | None
    """When the doctor's work list showed it."""
    edge_visible_ms: int | None
    """When the page on the box's own screen showed it."""
    heard_by: str | None
    paged: bool
    messages: int
    """That a channel has taken."""

    @property
    def latency_s(self) -> float | None:
        """From the reading to the doctor's page."""
        return _between_s(self.raised_ms, self.visible_ms)

    @property
    def edge_latency_s(self) -> float | None:
        """From the reading to the page in the centre."""
        return _between_s(self.raised_ms, self.edge_visible_ms)


@dataclass(frozen=True, kw_only=True)
class WeekAlert:
    """An alert about weeks: the night judged them, there is nothing to be quick about."""

    patient: str
    rule: str
    tier: str
    week: date | None
    """The Monday of the newest week it is about."""
    weeks: int


@dataclass(frozen=True, kw_only=True)
class NetworkCut:
    """A box without network for a while: its spool keeps everything, and sends it later."""

    centre: str
    seconds: float
    arrived_meanwhile: int
    """Readings of this centre that were committed in that time."""
    arrived_later: int
    """And from then to the end."""


@dataclass(frozen=True, kw_only=True)
class LiveAccount:
    """What the bands said in the live minute, and what became of it."""

    bands: int
    seconds: float
    adverts_sent: int
    """With a value in them, by bands that only advertise, while a box was scanning."""
    adverts_heard: int
    notifications_sent: int
    """On open links."""
    notifications_heard: int
    """Characteristics that were read are among them."""
    links: int
    """Opened in all."""
    stored: int
    """Readings the boxes stored."""
    committed: int
    radio: Mapping[str, Mapping[str, Any]]
    """Each box's own counters."""
    cut: NetworkCut
    looks: Mapping[str, Mapping[str, Any]]
    """By page: how often it was looked at, and the last fault in looking."""
    strangers: int
    """Readings of a passer-by's band that were kept."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What came of a demo."""

    weeks: Weeks
    cases: tuple[Case, ...]
    ledger: Committed
    """At the end, weeks and minute together."""
    counted: int
    live: LiveAccount
    judged: pl.DataFrame
    red: tuple[RedAlert, ...]
    about_weeks: tuple[WeekAlert, ...]
    paid: Paid
    night: Mapping[str, Any]
    shares: Shares
    url: str
    screens: Mapping[str, str]
    """Centre to the address of the page on its box's own screen."""
    links: Mapping[str, tuple[str, str]]
    """Role to the name of who has it here, and the one-time link."""

    @property
    def is_whole(self) -> bool:
        """Whether every reading that went in is in the ledger and in its table, once."""
        went_in = self.weeks.readings + self.live.stored
        return went_in == self.ledger.readings == self.counted + self.ledger.quarantined

    @property
    def faults(self) -> tuple[str, ...]:
        """Return what is not as it should be, in words; empty for a good demo."""
        red = self.red
        checks = {
            _("the readings do not balance"): self.is_whole,
            _("live readings were stored and not committed"): (
                self.live.stored == self.live.committed > 0
            ),
            _("not everything that was on the air was heard"): (
                self.live.adverts_sent == self.live.adverts_heard
                and self.live.notifications_sent <= self.live.notifications_heard
            ),
            _("readings arrived over a network that was cut"): self.live.cut.arrived_meanwhile == 0,
            _("readings of a passer-by were kept"): self.live.strangers == 0,
            _("the red alert did not come, or others came"): len(red) == 1,
            _("the red alert was not on both pages"): all(
                alert.latency_s is not None and alert.edge_latency_s is not None for alert in red
            ),
            _("centre and district did not notice the same alert"): all(
                alert.heard_by == "both" for alert in red
            ),
            _("nobody was told of the red alert"): all(alert.paged for alert in red),
        }
        return tuple(words for words, holds in checks.items() if not holds)


def _between_s(start_ms: int, end_ms: int | None) -> float | None:
    return None if end_ms is None else (end_ms - start_ms) / 1000
