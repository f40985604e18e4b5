"""How many readings make one transaction: what the database stores in a given time.

A live batch waits for the transaction of history that runs when it comes, so transactions are
bounded by time. The bound in rows follows from how fast the last ones went: up to twice as many
each time, and at once down where they took too long.
"""

LEAST_ROWS, FIRST_ROWS = 2_000, 10_000
"""Fewer than the least would make the database wait for its disk most of the time."""
MOST_GROWTH = 2.0


class Pace:
    """The bound of one lane; read by the thread that opens, told by the one that stores."""

    def __init__(self, commit_s: float, most_rows: int) -> None:
        """Aim at `commit_s` for a transaction; never more than `most_rows`."""
        self._commit_s, self._most = commit_s, most_rows
        self._least = min(LEAST_ROWS, most_rows)
        self.rows = min(FIRST_ROWS, most_rows)
        """Readings that a transaction should hold, about."""

    def stored(self, rows: int, took_s: float) -> None:
        """Take in how long a transaction took. Small ones that were quick say nothing."""
        if rows < self.rows / 2 and took_s < self._commit_s:
            return
        fits = rows * self._commit_s / max(took_s, 1e-3)
        wanted = min(fits, MOST_GROWTH * self.rows, self._most)
        self.rows = max(self._least, round(wanted))
