"""How long a night takes: new readings of everybody, read, computed and written back.

Nights follow each other in one database, as they do: from the second on, everybody has a yesterday
next to the new day. At the end a tenth of the people have news alone, then a hundredth: what a
night costs is to grow with the days that are to be computed, not with the people there are.
"""

import os
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from config.conventions import Conventions
from config.language import _
from reports.nightly.recompute import Recomputed, recompute
from scripts.bench.made_night import Group, enrol, night_of, some_of, store_night
from storage.database import Connection, connect, working_as
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.roles import Role

PARTS = ("reading", "computing", "writing")
FEWER = (10, 100)
"""Of how many people one has news in the nights at the end."""


@dataclass(frozen=True)
class NightCost:
    """What one recomputation did and took."""

    night: date
    people: int
    """So many have a new day: as many dirty patient-days, without neighbours."""
    done: Recomputed
    seconds: float
    """From the first statement to the commit."""
    cpu_seconds: float | None
    """Of this process and of its connection's server process; None where /proc does not tell."""
    peak_rss_mb: float

    @property
    def readings(self) -> int:
        """Heart rates and step counts that were read."""
        return self.done.samples + self.done.step_rows

    @property
    def shares(self) -> dict[str, float]:
        """Return the parts of the time by name; what is left is mostly the commit."""
        parts = {part: self.done.seconds[part] / self.seconds for part in PARTS}
        return parts | {"rest": 1 - sum(parts.values())}


@dataclass
class NightFigures:
    """All nights of one run, and how fast their readings were stored before."""

    people: int
    nights: list[NightCost] = field(default_factory=list)
    """Everybody's nights first, then those of fewer people."""
    stored: int = 0
    storing_seconds: float = 0.0

    @property
    def whole(self) -> NightCost:
        """Everybody's last night: the figure to hold."""
        return [night for night in self.nights if night.people == self.people][-1]


def run(
    people: int,
    nights: int,
    folder: Path,
    conventions: Conventions,
    progress: Callable[[str, float], None],
) -> NightFigures:
    """Make people and nights in a new database in `folder`; return what each night cost.

    `progress` is told what is under way and how much of it is done (0 to 1).
    """
    figures = NightFigures(people)
    with EmbeddedPostgres(folder) as server, connect(server.dsn) as conn:
        migrate(conn)
        with working_as(conn, Role.OPERATOR):
            groups = enrol(conn, people)
        plan = [(number, groups) for number in range(nights)]
        behind = 0
        for part in FEWER:
            some = some_of(groups[behind:], people // part)
            plan.append((nights, some))
            behind += len(some)
        for number, some in plan:
            _store(conn, figures, some, number, conventions, progress)
            # Fewer people's news come late, after that night was counted for everybody.
            through = night_of(min(number, nights - 1))
            progress(_("Recomputing %(night)s") % {"night": night_of(number)}, 0)
            figures.nights.append(_measured(conn, some, night_of(number), through, conventions))
    return figures


def _store(
    conn: Connection,
    figures: NightFigures,
    groups: list[Group],
    number: int,
    conventions: Conventions,
    progress: Callable[[str, float], None],
) -> None:
    since, before = time.perf_counter(), figures.stored
    with working_as(conn, Role.HUB):
        for done, stored in store_night(
            conn, groups, number, utc_offset_min=conventions.utc_offset_min
        ):
            figures.stored = before + stored
            progress(_("Storing %(night)s") % {"night": night_of(number)}, done)
    figures.storing_seconds += time.perf_counter() - since


def _measured(
    conn: Connection, groups: list[Group], night: date, through: date, conventions: Conventions
) -> NightCost:
    forget_peak()
    cpu, since = _cpu_seconds(conn), time.perf_counter()
    with working_as(conn, Role.CORE):
        done = recompute(conn, through=through, conventions=conventions)
    seconds, cpu_after = time.perf_counter() - since, _cpu_seconds(conn)
    return NightCost(
        night=night,
        people=sum(group.count for group in groups),
        done=done,
        seconds=seconds,
        cpu_seconds=None if cpu is None or cpu_after is None else cpu_after - cpu,
        peak_rss_mb=peak_rss_mb(),
    )


def _cpu_seconds(conn: Connection) -> float | None:
    """Return the processor seconds so far of this process and of the connection's server."""
    try:
        stat = Path(f"/proc/{conn.info.backend_pid}/stat").read_text("ascii")
    except OSError:
        return None
    user, system = stat.rpartition(")")[2].split()[11:13]
    return time.process_time() + (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def forget_peak() -> None:
    """Let the most memory held count from now on, where /proc can (proc(5))."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", "ascii")


def peak_rss_mb() -> float:
    """Return the most memory held since `forget_peak`, MiB; since the start where it cannot."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
