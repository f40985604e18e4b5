"""One live minute: bands on the air, boxes that hear them, an alert, and the account of it all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from alerts.listing import ListedAlert
from config.fields import Broker
from config.language import _
from devices.virtual.cast import DOCTORS
from ingest.batch.keys import Keys
from ingest.broker import LOOPBACK
from ingest.gateway import status as statuses
from scripts.replay.process import OurProcess, until_ready
from scripts.replay.shares import Shares
from scripts.show import live
from scripts.show.alerts import RED, listed
from scripts.show.boxes import CUT_OFF, Box, send_rest
from scripts.show.browser import Browser
from scripts.show.folder import ShowFolder
from scripts.show.links import LINK_LASTS
from scripts.show.minding import Minding
from scripts.show.result import LiveAccount, NetworkCut, RedAlert
from scripts.show.services import APPLICATION
from scripts.show.weeks import Weeks
from scripts.show.wire import Wire, wire_to
from storage.accounts import issue_link
from storage.counts import committed, counted_readings
from storage.database import Connection, connect
from storage.people import Prescription

ON_THE_AIR_S = 0.5
"""What was said last is still on its way through bus and box."""
CUT_FROM, CUT_FOR = 0.15, 0.2
"""When one box's network is cut, and for how long: shares of the minute."""
ON_THE_WAY_S = 1.0
"""What was sent just before a cut is still on its way through hub and database."""
SEEN_WITHIN_S = 15.0
"""After the minute: the alert has to be on both pages by then."""


@dataclass(frozen=True, kw_only=True)
class Minute:
    """What a live minute needs."""

    folder: ShowFolder
    dsn: str
    broker: Broker
    hub: Keys
    secrets: Mapping[str, str]
    boxes: tuple[Box, ...]
    weeks: Weeks
    plans: Mapping[str, Prescription]
    url: str
    live_s: float
    utc_offset_min: int


@dataclass(frozen=True, kw_only=True)
class Lived:
    """What came of it."""

    doctor: str
    """Whose work list was looked at."""
    red: tuple[RedAlert, ...]
    account: LiveAccount


@asynccontextmanager
async def _on_the_air(
    minute: Minute,
) -> AsyncIterator[tuple[Wire, live.Room, tuple[OurProcess, ...]]]:
    """Start the radio, the network of one box, and both boxes; the bands are still outside."""
    async with (
        wire_to(minute.broker.host, minute.broker.port, here=_wire_port(minute)) as wire,
        live.room(
            minute.boxes,
            minute.weeks.patients,
            minute.plans,
            utc_offset_min=minute.utc_offset_min,
        ) as room,
        live.listening(minute.folder, minute.boxes, room, minute.secrets) as gateways,
    ):
        yield wire, room, gateways


async def everyday(minute: Minute) -> None:
    """Let everybody exercise on in the zone, until cancelled."""
    async with _on_the_air(minute) as (_wire, room, gateways):
        await until_ready(*gateways)
        room.come_in()
        await asyncio.gather(*(one.lives() for one in gateways))


async def live_minute(minute: Minute, *, shares: Shares, tell: Callable[[str], None]) -> Lived:
    """Let the minute pass; the processes of the district are ready, the boxes' spools are free."""
    doctor = next(one.doctor for one in minute.weeks.patients if one.code == live.PLANTED)
    box = _box_of(minute, doctor)
    with connect(minute.dsn, application=APPLICATION) as conn:
        token = issue_link(conn, doctor, LINK_LASTS)
        before = _committed(conn, _centres(minute))
    doctors, onsite = Browser(minute.url), Browser(f"http://{LOOPBACK}:{box.onsite_port}")
    await asyncio.to_thread(doctors.enter, token)
    page, screen = live.Seen(), live.Seen()
    async with _on_the_air(minute) as (wire, room, gateways):
        minding = Minding(asyncio.Event(), tuple(one.lives for one in gateways))
        with shares.part("listen"):
            tell(_("bands come in"))
            await until_ready(*gateways)
            room.come_in()
            await minding.do(live.all_heard(room))
        with shares.part("live"):
            tell(_("live"))
            live.plan_peak(room.peak, minute.live_s)
            async with asyncio.TaskGroup() as group:
                watches = [
                    group.create_task(live.watch_page(lambda: shows_red(doctors.page("/")), page)),
                    group.create_task(
                        live.watch_page(lambda: shows_alarm(onsite.page("/")), screen)
                    ),
                ]
                cutting = group.create_task(_cut(minute, wire))
                await asyncio.sleep(minute.live_s)
                await asyncio.wait(watches, timeout=SEEN_WITHIN_S)
                for watch in watches:
                    watch.cancel()
        room.radio.pause()
        await asyncio.sleep(ON_THE_AIR_S)
    heard = {box.centre: statuses.read(box.data_dir) for box in minute.boxes}
    with shares.part("settle"):
        tell(_("waiting for the last receipts"))
        await send_rest(minute.boxes, minute.broker, minute.hub)
    with connect(minute.dsn, application=APPLICATION) as conn:
        red = tuple(_red(alert, page, screen) for alert in listed(conn, RED))
        account = LiveAccount(
            bands=len(room.bands),
            seconds=minute.live_s,
            adverts_sent=room.adverts_sent,
            adverts_heard=_sum(heard, "adverts"),
            notifications_sent=room.notifications_sent,
            notifications_heard=_sum(heard, "notifications"),
            links=_sum(heard, "links_opened"),
            stored=sum(int(str(one["stored"])) for one in heard.values()) - before,
            committed=_committed(conn, _centres(minute)) - before,
            radio={centre: live.radio_counts(one) for centre, one in heard.items()},
            cut=NetworkCut(
                centre=CUT_OFF,
                seconds=cutting.result().seconds,
                arrived_meanwhile=cutting.result().arrived,
                arrived_later=_committed(conn, [CUT_OFF]) - cutting.result().committed,
            ),
            looks={
                name: {"looks": seen.looks, "last_fault": seen.last_fault}
                for name, seen in (("doctor", page), ("box", screen))
            },
            strangers=counted_readings(conn, [room.stranger.address]),
        )
    return Lived(doctor=doctor, red=red, account=account)


def _red(alert: ListedAlert, page: live.Seen, screen: live.Seen) -> RedAlert:
    is_planted = alert.pseudonym == live.PLANTED
    return RedAlert(
        patient=alert.pseudonym,
        name=alert.name,
        doctor=alert.doctor_name,
        rule=alert.rule,
        ceiling_bpm=alert.ceiling_bpm,
        peak_bpm=alert.peak_bpm,
        onset_ms=round(alert.onset_at.timestamp() * 1000),
        raised_ms=round(alert.raised_at.timestamp() * 1000),
        visible_ms=page.at_ms if is_planted else None,
        edge_visible_ms=screen.at_ms if is_planted else None,
        heard_by=alert.heard_by,
        paged=alert.paged,
        messages=alert.sent,
    )


class _Cut(NamedTuple):
    """What was seen of a network that was cut."""

    seconds: float
    arrived: int
    committed: int
    """Of that centre, when it was mended."""


async def _cut(minute: Minute, wire: Wire) -> _Cut:
    """Cut a box's network for a part of the minute, and look what arrives meanwhile."""

    def arrived() -> int:
        with connect(minute.dsn, application=APPLICATION) as conn:
            return _committed(conn, [CUT_OFF])

    await asyncio.sleep(CUT_FROM * minute.live_s)
    wire.cut()
    await asyncio.sleep(ON_THE_WAY_S)
    then = await asyncio.to_thread(arrived)
    seconds = CUT_FOR * minute.live_s
    await asyncio.sleep(seconds - ON_THE_WAY_S)
    now = await asyncio.to_thread(arrived)
    wire.mend()
    return _Cut(seconds, now - then, now)


def _committed(conn: Connection, centres: list[str]) -> int:
    return committed(conn, centres).readings


def shows_red(page: str) -> bool:
    """Say whether the doctor's work list has a red row of who passes the ceiling."""
    rows = page.split("<tr")
    return any('class="red"' in row and f"/patients/{live.PLANTED}" in row for row in rows)


def shows_alarm(page: str) -> bool:
    """Say whether the page in the centre says that this patient must slow down."""
    _before, sign, alarms = page.partition('role="alert"')
    return bool(sign) and f"<h2>{live.PLANTED} " in alarms.partition("</section>")[0]


def _centres(minute: Minute) -> list[str]:
    return [box.centre for box in minute.boxes]


def _box_of(minute: Minute, doctor: str) -> Box:
    centre = next(one.place for one in DOCTORS if one.code == doctor)
    return next(box for box in minute.boxes if box.centre == centre)


def _wire_port(minute: Minute) -> int:
    return next(box.wire_port for box in minute.boxes if box.wire_port is not None)


def _sum(statuses_of: Mapping[str, Mapping[str, object]], name: str) -> int:
    """Add up one counter of the boxes' radios."""
    return sum(int(live.radio_counts(status).get(name, 0)) for status in statuses_of.values())
