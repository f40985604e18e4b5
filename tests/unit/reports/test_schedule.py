import os
import signal
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from config.errors import Unavailable
from reports.nightly.schedule import MOST_OWED, Schedule, cron, owed_nights
from scripts.stopping import on_stop_signal
from tests.signals import handlers_put_back

ZONE = ZoneInfo("Asia/Shanghai")
TODAY = date(2026, 11, 16)


class Firings(BaseTrigger):
    """A trigger whose firings are overdue: the scheduler runs them at once, then in a year."""

    def __init__(self, number):
        self.left = number

    def get_next_fire_time(self, _previous, now):
        if not self.left:
            return now + timedelta(days=365)
        self.left -= 1
        return now - timedelta(hours=self.left + 1)


class Nights:
    """Finished nights in memory, and a local clock that stands where the test puts it."""

    def __init__(self, last=None, today=TODAY):
        self.done = [] if last is None else [last]
        self.today = today
        self.after = lambda _night: None

    def last(self):
        return max(self.done, default=None)

    def now(self):
        return datetime.combine(self.today, datetime.min.time(), tzinfo=ZONE)

    def run(self, night):
        self.done.append(night)
        self.after(night)

    def schedule(self, trigger, now=None):
        return Schedule(trigger, last_night=self.last, run=self.run, now=now or self.now)


def midnights(*days):
    """A clock that says the next of these days each time it is read."""
    moments = (datetime.combine(day, datetime.min.time(), tzinfo=ZONE) for day in days)
    return lambda: next(moments)


@pytest.mark.parametrize(
    ("last", "owed"),
    [
        (None, [15]),
        (date(2026, 11, 15), []),
        (date(2026, 11, 14), [15]),
        (date(2026, 11, 11), [12, 13, 14, 15]),
        (date(2026, 11, 20), []),
    ],
)
def test_nights_since_the_last_finished_one_are_owed(last, owed):
    assert owed_nights(last, TODAY) == [date(2026, 11, day) for day in owed]


def test_after_a_long_silence_the_newest_nights_are_made_up():
    nights = owed_nights(date(2020, 1, 1), TODAY)

    assert len(nights) == MOST_OWED
    assert nights[-1] == date(2026, 11, 15)


def test_the_trigger_is_the_clock_time_of_the_site():
    trigger = cron("02:00", "Asia/Shanghai")

    fires = trigger.get_next_fire_time(None, datetime(2026, 11, 15, 20, 0, tzinfo=ZoneInfo("UTC")))

    assert isinstance(trigger, CronTrigger)
    assert fires == datetime(2026, 11, 17, 2, 0, tzinfo=ZONE)


def test_missed_nights_are_made_up_at_the_start_oldest_first():
    nights = Nights(last=date(2026, 11, 12))
    schedule = nights.schedule(Firings(0))
    nights.after = lambda night: schedule.stop() if night == date(2026, 11, 15) else None

    schedule.serve()

    assert nights.done == [date(2026, 11, day) for day in (12, 13, 14, 15)]


def test_a_late_firing_still_runs_the_night():
    nights = Nights(last=date(2026, 11, 15))
    schedule = nights.schedule(Firings(1), midnights(TODAY, date(2026, 11, 17)))
    nights.after = lambda _night: schedule.stop()

    schedule.serve()

    assert nights.done[1:] == [date(2026, 11, 16)]


def test_many_missed_firings_are_one_run():
    nights = Nights(last=date(2026, 11, 15))
    looked = []

    def now():
        looked.append(1)
        if len(looked) == 2:
            schedule.stop()
        return datetime.combine(TODAY, datetime.min.time(), tzinfo=ZONE)

    schedule = nights.schedule(Firings(5), now)
    schedule.serve()

    assert len(looked) == 2  # once at the start, once for all firings together


def test_a_stop_is_obeyed_between_two_nights():
    nights = Nights(last=date(2026, 11, 10))
    schedule = nights.schedule(Firings(0))
    nights.after = lambda _night: schedule.stop()

    schedule.serve()

    assert nights.done[1:] == [date(2026, 11, 11)]


def test_a_night_that_fails_at_its_time_ends_the_schedule_with_its_error():
    nights = Nights(last=date(2026, 11, 15))
    schedule = nights.schedule(Firings(1), midnights(TODAY, date(2026, 11, 17)))

    def fail(_night):
        raise Unavailable("database")

    nights.after = fail

    with pytest.raises(Unavailable):
        schedule.serve()


class Terminated(BaseTrigger):
    """A trigger that is asked for its first firing when the schedule starts: SIGTERM comes then."""

    def get_next_fire_time(self, _previous, now):
        os.kill(os.getpid(), signal.SIGTERM)
        return now + timedelta(days=365)


def test_sigterm_stops_the_waiting_schedule():
    nights = Nights(last=date(2026, 11, 15))
    schedule = nights.schedule(Terminated())
    with handlers_put_back():
        on_stop_signal(schedule.stop)
        schedule.serve()

    assert nights.done == [date(2026, 11, 15)]
