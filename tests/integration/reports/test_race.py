"""A night among commits: what comes at any moment of it is counted by this night or by the next."""

import contextlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from config.errors import Unavailable
from reports.nightly.night import only_runner
from reports.nightly.recompute import recompute
from storage.bands import swap
from storage.database import connect
from storage.people import put_pause
from storage.retention import Policies, apply_policies
from tests.district import District, at, from_scratch, local_ms, results
from tests.patience import PATIENCE_S

SUNDAY = date(2026, 11, 15)
BEGIN = local_ms("2026-11-09 00:10:00")
APART_MS = 120_000
"""Further apart than a reading is held for (C5): each adds exactly its minute."""
HELD_MS = 60_000


@pytest.fixture
def database(either_database):
    return either_database


class Committers:
    """Hubs and staff at work: each call commits, over a connection of its own, one more thing."""

    def __init__(self, conn):
        self.district = District(conn)
        for name in ("p1", "p2"):
            self.district.wear(name)
        self.numbers = itertools.count()
        self._heard = []

    def hear(self, conn):
        """One reading, at a time when there is no other."""
        number = next(self.numbers)
        own = District.__new__(District)
        own.__dict__ = {**self.district.__dict__, "conn": conn}
        own.hear(f"p{number % 2 + 1}", heart_rate=[(BEGIN + number * APART_MS, 120)])
        self._heard.append(number)

    @property
    def heard(self):
        """How many readings are committed."""
        return len(self._heard)

    def change(self, conn):
        """One change of a record: of an assignment, a prescription, a pause."""
        number = next(self.numbers)
        if number % 3 == 0:
            swap(conn, "p1", "p2", at=at(BEGIN + number * APART_MS - 1_000))
        elif number % 3 == 1:
            conn.execute("UPDATE prescription SET session_min = %s", (20 + number % 20,))
        else:
            first = date(2026, 11, 16) + timedelta(days=number)
            put_pause(
                conn, case_label="p1", first_day=first, until=first + timedelta(days=1), reason="x"
            )


class Stepped:
    """A night's connection that lets others commit before each thing it does."""

    def __init__(self, conn, before):
        self._conn, self._before = conn, before
        self.steps = 0

    def __getattr__(self, name):
        found = getattr(self._conn, name)
        if name in {"execute", "cursor", "transaction"}:
            self.steps += 1
            self._before()
        return found


def counted(conn):
    """How many readings stand in the results."""
    (held_ms,) = conn.execute("SELECT coalesce(sum(wear_ms), 0)::bigint FROM day").fetchone()
    assert held_ms % HELD_MS == 0
    return held_ms // HELD_MS


def waiting(conn):
    """How many wait for the next night: each came in a batch of its own."""
    return conn.execute("SELECT count(*) FROM touched").fetchone()[0]


def assert_all_counted_once(conn, heard):
    recompute(conn, through=SUNDAY)
    assert (counted(conn), waiting(conn)) == (heard, 0)
    stored = results(conn)
    from_scratch(conn)
    recompute(conn, through=SUNDAY)
    assert results(conn) == stored


@pytest.mark.parametrize("what", ["readings", "records"])
def test_what_is_committed_at_any_step_of_a_night_is_counted_once(database, what):
    with connect(database) as conn, connect(database) as other, ThreadPoolExecutor(1) as pool:
        committers = Committers(conn)
        for _ in range(10):
            committers.hear(conn)
        recompute(conn, through=SUNDAY)
        assert counted(conn) == 10
        committers.hear(conn)

        def one_more():
            more = committers.hear if what == "readings" else committers.change
            pool.submit(more, other).result(timeout=PATIENCE_S)

        night = Stepped(conn, one_more)
        recompute(night, through=SUNDAY)

        assert night.steps > 20
        if what == "readings":
            assert committers.heard == 11 + night.steps
            assert waiting(conn) > 10
        assert counted(conn) + waiting(conn) == committers.heard
        assert_all_counted_once(conn, committers.heard)


def packs(database, over, refused):
    """Three weeks later: every day there is is packed, and packed again."""
    asked = Policies(compress_after_days=21, retain_readings_days=None, purge_unowned_after_days=30)
    with connect(database) as conn:
        while not over.is_set():
            try:
                apply_policies(conn, asked, now=datetime(2026, 12, 24, tzinfo=UTC), actor="nightly")
            except Unavailable as error:
                refused.append(error)


def test_nights_and_policies_at_work_among_hubs_lose_and_double_nothing(database):
    def many(call, times):
        with connect(database) as own:
            for _ in range(times):
                call(own)

    with connect(database) as conn, ThreadPoolExecutor(4) as pool:
        committers = Committers(conn)
        committers.hear(conn)
        over, refused, nights = threading.Event(), [], 0
        working = [
            pool.submit(many, committers.hear, 40),
            pool.submit(many, committers.hear, 40),
            pool.submit(many, committers.change, 12),
        ]
        packing = pool.submit(packs, database, over, refused)
        try:
            while nights < 2 or not all(one.done() for one in working):
                with suppress_refusal(refused), only_runner(conn):
                    recompute(conn, through=SUNDAY)
                    nights += 1
                    assert counted(conn) <= 81
        finally:
            over.set()
        for one in [*working, packing]:
            one.result(timeout=PATIENCE_S)

        assert all("another nightly run" in str(error) for error in refused)
        assert_all_counted_once(conn, 81)


@contextlib.contextmanager
def suppress_refusal(refused):
    """Keep what turns one of two runners away."""
    try:
        yield
    except Unavailable as error:
        refused.append(error)
