"""The days that readings need in their tables, made a few at a time.

A day of a table costs milliseconds, in a database of years tens of them. A batch may need hundreds,
a band's whole memory or an imported file; made in one go they would hold up every batch behind it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np

from storage.database import Connection
from storage.gathered import DAY_MS, GOOD, Gathered
from storage.queries import query

AT_ONCE = 10
"""Days made in one transaction; other hubs wait for it where they want a day of the same table."""

MOST_DAYS = 2**22
"""More than there are from 1970 to 9999."""


class TableDay(NamedTuple):
    """One UTC day of one table of readings."""

    table: str
    day: date


def stand_for(
    conn: Connection, groups: Sequence[Gathered], most: int | None = None
) -> frozenset[int]:
    """Make the days that good readings need; return the numbers of the batches that must wait.

    Each is committed on return: a day without rows harms nobody, and a transaction that both makes
    days and copies could wait in a circle with another. At most `most` are made, for the batches
    that need fewest first; None: all, and none waits. `conn` is in no transaction.
    """
    missing = _missing(conn, groups)
    if not missing:
        return frozenset()
    if most is None or len(missing) <= most:
        _make(conn, missing)
        return frozenset()
    needs = _needs(groups, missing)
    chosen: set[TableDay] = set()
    for _number, days in sorted(needs.items(), key=lambda item: (len(item[1]), item[0])):
        chosen.update(sorted(days - chosen)[: most - len(chosen)])
    _make(conn, chosen)
    return frozenset(number for number, days in needs.items() if days - chosen)


def _missing(conn: Connection, groups: Iterable[Gathered]) -> set[TableDay]:
    wanted = sorted({TableDay(group.table, day) for group in groups for day in group.days()})
    if not wanted:
        return set()
    rows = conn.execute(
        query("missing_reading_days"),
        {"reading_tables": [one.table for one in wanted], "days": [one.day for one in wanted]},
    ).fetchall()
    return {TableDay(table, day) for table, day in rows}


def _make(conn: Connection, days: Iterable[TableDay]) -> None:
    by_table: dict[str, list[date]] = defaultdict(list)
    for table, day in sorted(days):
        by_table[table].append(day)
    for table, of_table in by_table.items():
        for first in range(0, len(of_table), AT_ONCE):
            some = of_table[first : first + AT_ONCE]
            conn.execute(query("ensure_reading_days"), {"reading_table": table, "days": some})


def _needs(groups: Iterable[Gathered], missing: set[TableDay]) -> dict[int, set[TableDay]]:
    """Return which of the missing days each batch needs, for those that need any."""
    needs: dict[int, set[TableDay]] = defaultdict(set)
    for group in groups:
        good = group.verdict == GOOD
        pairs = np.unique(group.batch_no[good] * MOST_DAYS + group.at_utc_ms[good] // DAY_MS)
        numbers, since_1970 = np.divmod(pairs, MOST_DAYS)
        days = since_1970.astype("datetime64[D]").tolist()
        for number, day in zip(numbers.tolist(), days, strict=True):
            if (one := TableDay(group.table, day)) in missing:
                needs[number].add(one)
    return needs
