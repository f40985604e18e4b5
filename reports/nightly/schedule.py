"""The nightly schedule: APScheduler in the site's zone, and every night that was missed made up.

The schedule only says when to look; what is owed is read from the table of finished nights. So a
machine that was off, or a run that was killed, costs no night.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from threading import Event, Lock

import structlog
from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_SCHEDULER_STARTED,
    JobExecutionEvent,
    SchedulerEvent,
)
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

log = structlog.get_logger()

MOST_OWED = 92
"""After a longer silence only the newest nights are made up; their reports hold the weeks."""


def owed_nights(last: date | None, today: date) -> list[date]:
    """Return the nights to run, oldest first: those after the last finished one, up to yesterday.

    `today` is the local day that has begun; its night is not over. Without any finished night only
    yesterday's is owed.
    """
    newest = today - timedelta(days=1)
    if last is None:
        return [newest]
    missing = min((newest - last).days, MOST_OWED)
    return [newest - timedelta(days=back) for back in reversed(range(missing))]


def cron(at: str, zone_name: str) -> BaseTrigger:
    """Return the trigger for a local clock time, `02:00`, in the site's zone."""
    hour, minute = at.split(":")
    return CronTrigger(hour=int(hour), minute=int(minute), timezone=zone_name)


class Schedule:
    """Runs the owed nights at the start and whenever the trigger fires, until told to stop.

    `last_night` reads the last finished night, `run` does one and raises if it cannot, `now` is the
    local time. A run that fails ends the schedule with its error: the supervisor starts the process
    again, and the night is still owed.
    """

    def __init__(
        self,
        trigger: BaseTrigger,
        *,
        last_night: Callable[[], date | None],
        run: Callable[[date], object],
        now: Callable[[], datetime],
    ) -> None:
        self._last_night, self._run, self._now = last_night, run, now
        self._stopping = Event()
        self._at_work = Lock()
        self._fault: BaseException | None = None
        # Late is better than never, and many late firings are one: what is owed is known anyway.
        self._scheduler = BlockingScheduler(timezone=str(getattr(trigger, "timezone", "UTC")))
        self._scheduler.add_job(
            self.run_owed,
            trigger,
            id="nightly",
            misfire_grace_time=None,
            coalesce=True,
            max_instances=1,
        )
        self._scheduler.add_listener(self._failed, EVENT_JOB_ERROR)
        self._scheduler.add_listener(self._started, EVENT_SCHEDULER_STARTED)

    def run_owed(self) -> None:
        """Run every owed night, oldest first; between two of them a stop is obeyed."""
        with self._at_work:
            for night in owed_nights(self._last_night(), self._now().date()):
                if self._stopping.is_set():
                    return
                self._run(night)

    def serve(self) -> None:
        """Make up what is owed, then wait for the trigger; return when stopped."""
        self.run_owed()
        if not self._stopping.is_set():
            log.info("nightly_waiting")
            self._wait()
        with self._at_work:  # the night at work, if any, is finished
            log.info("nightly_stopped")
        if self._fault is not None:
            raise self._fault

    def _wait(self) -> None:
        try:
            self._scheduler.start()
        except JobLookupError:
            # A stop empties the job store, maybe while the scheduler is filing the next firing.
            if not self._stopping.is_set():
                raise

    def stop(self) -> None:
        """Stop after the night at work; harmless when called again or before the start."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _started(self, _event: SchedulerEvent) -> None:
        if self._stopping.is_set():  # told to stop while it was starting
            self.stop()

    def _failed(self, event: JobExecutionEvent) -> None:
        self._fault = event.exception
        self.stop()
