"""Why a week is what it is: down to its bouts, its minutes and the batches they came in."""

from reports.why.content import (
    Day,
    LoggedSession,
    Part,
    Run,
    Session,
    ShortEffort,
    StoredWeek,
    Why,
)
from reports.why.week import minutes_of_week

__all__ = [
    "Day",
    "LoggedSession",
    "Part",
    "Run",
    "Session",
    "ShortEffort",
    "StoredWeek",
    "Why",
    "minutes_of_week",
]
