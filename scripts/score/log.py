"""The session log of a file among the other inputs: what in it breaks a rule, and to whom it is."""

import polars as pl

from config.language import _
from scripts.score.rules import FAILURES
from scripts.score.sessions import RULES, SENTENCES, Sessions
from scripts.score.table import SHOWN_ROWS

SESSIONS = "sessions"


def log_failures(sessions: Sessions) -> tuple[pl.DataFrame, list[str]]:
    """Return FAILURES of a session log, and the same in words."""
    table, found, told = sessions.table, [], []
    for rule, faulty in sessions.faulty.items():
        if not faulty.any():
            continue
        first_rows = (faulty.arg_true().head(SHOWN_ROWS).cast(pl.Int64) + table.first_row).to_list()
        found.append((SESSIONS, table.path.name, rule, int(faulty.sum()), first_rows))
        told += table.fault(RULES[rule], faulty, _(SENTENCES[rule]))
    return pl.DataFrame(found, schema=FAILURES, orient="row"), told
