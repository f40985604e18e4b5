"""The session log of a file among the other inputs: what in it breaks a rule, and to whom it is."""

import polars as pl

from config.language import _
from scripts.score.rules import FAILURES
from scripts.score.sessions import RULES, SENTENCES, Sessions
from scripts.score.table import RAGGED, SHOWN_ROWS, TOO_LONG

SESSIONS = "sessions"


def log_failures(sessions: Sessions) -> tuple[pl.DataFrame, list[str]]:
    """Return FAILURES of a session log, and the same in words."""
    table, found, told = sessions.table, [], []
    too_long = {} if table.ragged is None else {RAGGED: table.ragged}
    for rule, faulty in (sessions.faulty | too_long).items():
        if not faulty.any():
            continue
        first_rows = (faulty.arg_true().head(SHOWN_ROWS).cast(pl.Int64) + table.first_row).to_list()
        found.append((SESSIONS, table.path.name, rule, int(faulty.sum()), first_rows))
        sentence = TOO_LONG if rule == RAGGED else SENTENCES[rule]
        told += table.fault(RULES.get(rule), faulty, _(sentence))
    return pl.DataFrame(found, schema=FAILURES, orient="row"), told
