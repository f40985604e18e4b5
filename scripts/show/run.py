"""The demo from the first midnight to the pages: weeks, night, one live minute, one alert."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

from config.conventions import Conventions
from config.errors import Rejected
from config.language import _
from config.schemes import DEMO, SCHEMES_DIR
from ingest.batch.keys import Keys
from ingest.broker import LOOPBACK
from scripts.replay.freeze import Case, frozen_cases
from scripts.replay.hub_process import hub_keys
from scripts.replay.process import until_ready
from scripts.replay.shares import Shares
from scripts.show.alerts import about_weeks, judged_weeks
from scripts.show.boxes import Box, enrol, make_boxes, send_weeks, write_settings
from scripts.show.folder import ShowFolder
from scripts.show.links import one_for_each_role
from scripts.show.minding import Interrupted, Minding
from scripts.show.minute import Minute, everyday, live_minute
from scripts.show.payment import paid
from scripts.show.people import put_outages, put_people, with_ceiling
from scripts.show.ports import held_port
from scripts.show.result import Shown
from scripts.show.services import APPLICATION, Ground, Portal, district, ground, once
from scripts.show.services import write_settings as write_district
from scripts.show.weeks import Weeks
from storage.counts import committed, counted_readings
from storage.database import connect
from storage.people import Prescription
from storage.roles import Role

SCHEME = "base_performance_s1.toml"

First = TypeVar("First")
Second = TypeVar("Second")

Tell = Callable[[str], None]
"""Told what is being done, in words."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a person may choose."""

    report_dir: Path
    language: str
    live_s: float


@dataclass(frozen=True)
class Stage:
    """What came of it, and everything still up."""

    shown: Shown
    minute: Minute
    _minding: Minding

    async def go_on(self) -> None:
        """Keep the pages up, the bands on the air and the boxes with them, until a person stops it.

        Raises Unavailable where a process ends by itself.
        """
        with contextlib.suppress(Interrupted):
            await self._minding.do(everyday(self.minute))


@asynccontextmanager
async def showing(
    weeks: Weeks,
    *,
    conventions: Conventions,
    folder: ShowFolder,
    options: Options,
    shares: Shares,
    tell: Tell,
    stop: asyncio.Event,
) -> AsyncIterator[Stage]:
    """Run everything; the pages can be visited as long as the block runs.

    Raises Interrupted when `stop` is set before the block begins, Unavailable where a part ends by
    itself or does not come up, Rejected where the hub refused a batch.
    """
    async with AsyncExitStack() as running:
        with shares.part("start"):
            tell(_("starting database and broker"))
            around = ground(running, folder)
            hub = hub_keys(folder.hub)
            boxes = make_boxes(folder, lambda: running.enter_context(held_port()))
            portal = Portal(running.enter_context(held_port()))
            _write_settings(folder, around, portal, boxes, options, conventions.time_zone)
        with shares.part("freeze"):
            tell(_("enrolling patients and boxes"))
            cases = {case.person: case for case in frozen_cases(weeks.recording, conventions)}
            _put_everybody(around, weeks, cases, boxes, hub)
        processes = await running.enter_async_context(district(folder, around.secrets))
        minding = Minding(stop, around.watches).also(*(one.lives for one in processes.all))
        with shares.part("start"):
            await minding.do(until_ready(processes.hub))
        with shares.part("send"):
            tell(_("sending five weeks"))
            statuses = await minding.do(send_weeks(boxes, weeks, around.broker, hub, stop))
        shares.add_gateways(status.spool_s for status in statuses)
        refused = sum(status.refused for status in statuses)
        if refused:
            raise Rejected("refused_by_hub", f"{refused} readings")
        with shares.part("start"):
            await minding.do(until_ready(*processes.all))
        minute = Minute(
            folder=folder,
            dsn=around.dsn,
            broker=around.broker,
            hub=hub,
            secrets=around.secrets,
            boxes=boxes,
            weeks=weeks,
            plans=_plans(weeks, cases),
            url=portal.url,
            live_s=options.live_s,
            utc_offset_min=conventions.utc_offset_min,
        )
        night, lived = await minding.do(
            _together(
                _night(folder, weeks, around.secrets, shares),
                live_minute(minute, shares=shares, tell=tell),
            )
        )
        with shares.part("look"), connect(around.dsn, application=APPLICATION) as conn:
            judged = judged_weeks(conn)
            shown = Shown(
                weeks=weeks,
                cases=tuple(cases.values()),
                ledger=committed(conn, [box.centre for box in boxes]),
                counted=counted_readings(conn, weeks.addresses),
                live=lived.account,
                judged=judged,
                red=lived.red,
                about_weeks=about_weeks(conn),
                paid=paid(conn, judged["week"].unique().to_list()),
                night=night,
                shares=shares,
                url=portal.url,
                screens={box.centre: f"http://{LOOPBACK}:{box.onsite_port}" for box in boxes},
                links=one_for_each_role(conn, portal.url, lived.doctor),
            )
        yield Stage(shown, minute, minding)


async def _together(
    first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second]
) -> tuple[First, Second]:
    async with asyncio.TaskGroup() as group:
        one, other = group.create_task(first), group.create_task(second)
    return one.result(), other.result()


def _write_settings(
    folder: ShowFolder,
    around: Ground,
    portal: Portal,
    boxes: tuple[Box, ...],
    options: Options,
    time_zone: str,
) -> None:
    scheme = folder.path / SCHEME
    text = (SCHEMES_DIR / SCHEME).read_text("utf-8")
    scheme.write_text(f'{text}\n[sign_off]\nby = "{DEMO}"\n', "utf-8")
    write_district(
        folder,
        broker=around.broker,
        portal=portal,
        report_dir=options.report_dir,
        schemes=(scheme,),
        language=options.language,
        time_zone=time_zone,
    )
    for box in boxes:
        write_settings(box, around.broker, options.language)


def _put_everybody(
    around: Ground, weeks: Weeks, cases: Mapping[str, Case], boxes: tuple[Box, ...], hub: Keys
) -> None:
    with connect(around.dsn, application=APPLICATION, role=Role.OPERATOR) as conn:
        put_people(conn, weeks, cases)
        enrol(conn, boxes, hub, around.broker)
        put_outages(conn, weeks)


def _plans(weeks: Weeks, cases: Mapping[str, Case]) -> Mapping[str, Prescription]:
    return {
        patient.code: with_ceiling(cases[patient.code].prescription, patient.ceiling_bpm)
        for patient in weeks.patients
    }


async def _night(
    folder: ShowFolder, weeks: Weeks, secrets: Mapping[str, str], shares: Shares
) -> Mapping[str, Any]:
    """Run the night after the last Sunday, as the district would."""
    with shares.part("night"):
        return await once(
            [
                *("nightly", "run", "--json"),
                *("--settings", str(folder.settings)),
                *("--date", str(_last_day(weeks))),
            ],
            name=_("the night"),
            log_path=folder.log("nightly"),
            environ=secrets,
        )


def _last_day(weeks: Weeks) -> date:
    if weeks.recording.enrolled is None:
        raise ValueError("the cast is enrolled for the five weeks")
    return weeks.recording.enrolled[1] - timedelta(days=1)
