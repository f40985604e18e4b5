"""Section 13: what the session log says, day by day, and how a week's state follows."""

from datetime import date
from fractions import Fraction
from math import floor

from tests.reference.plain_numbers import MINUTE, Number, Row, given
from tests.reference.plain_prescription import Version, in_force


def is_rated(version: Version) -> bool:
    """Aerobic sessions come from the log: intensity is a rating of perceived exertion."""
    return version.kind == "rpe" and version.zone_lo is not None


def counts_from_log(version: Version) -> bool:
    asked = ("resistance_per_week", "balance_per_week")
    return is_rated(version) or any(given(version.row, name) is not None for name in asked)


def asks_for_steps(row: Row) -> bool:
    return given(row, "steps_per_day") is not None


def length_ms(logged: Row) -> int | None:
    """Whole milliseconds; None where nobody knows."""
    minutes = given(logged, "minutes")
    return None if minutes is None else floor(minutes * MINUTE + Fraction(1, 2))


def distinct(log: list[Row]) -> list[Row]:
    """The log is a set: a row sent twice is one session."""
    found: list[Row] = []
    for row in log:
        if row not in found:
            found.append(row)
    return found


def long_enough(length: int | None, asked_min: Number | None) -> bool:
    """At least 80 % of what is asked; of no known length only where no length is asked."""
    if asked_min is None:
        return True
    return length is not None and length >= Fraction(80, 100) * asked_min * MINUTE


def aerobic_sessions(versions: list[Version], log: list[Row]) -> list[Row]:
    """The logged sessions rated as asked for: their minutes are the credit."""
    sessions = []
    for logged in distinct(log):
        version = in_force(versions, logged["date"])
        rating, length = given(logged, "rpe"), length_ms(logged)
        if logged["component"] != "aerobic" or version is None or not is_rated(version):
            continue
        if rating is None or not version.zone_lo <= rating <= version.zone_hi:
            continue
        if length is not None and length <= 0:
            continue
        sessions.append(
            {
                "date": logged["date"],
                "credit_ms": length or 0,
                "complete": long_enough(length, given(version.row, "session_min")),
            }
        )
    return sessions


def counted_days(versions: list[Version], log: list[Row], component: str, *, rest_days: int) -> int:
    """The days of a week with a session that counts, so many whole days between any two."""
    days = set()
    for logged in log:
        version = in_force(versions, logged["date"])
        length = length_ms(logged)
        if logged["component"] != component or version is None:
            continue
        if length is not None and length <= 0:
            continue
        if long_enough(length, given(version.row, f"{component}_min")):
            days.add(logged["date"])
    return most_apart(sorted(days), rest_days)


def most_apart(days: list[date], rest_days: int) -> int:
    """The most of these days that can be chosen with enough rest between: each choice is tried."""
    if not days:
        return 0
    first, *others = days
    rested = [day for day in others if (day - first).days > rest_days]
    return max(1 + most_apart(rested, rest_days), most_apart(others, rest_days))


def log_facts(version: Version, log: list[Row]) -> Row:
    """What the log of a week says of its state: an excuse, and whether enough was observed."""
    by_heart_rate = version.zone_lo is not None and version.kind != "rpe"
    by_log_alone = (
        counts_from_log(version) and not by_heart_rate and not asks_for_steps(version.row)
    )
    return {
        "excuse": "rpe_without_log" if is_rated(version) and not log else None,
        "log_observed": by_log_alone and bool(log),
    }


def state_of(week: Row, facts: Row) -> tuple[str, str | None]:
    """Met, not met or cannot be judged, and in the last case why."""
    if week["adherent"]:
        return "met", None
    if facts.get("excuse"):
        return "cannot_judge", facts["excuse"]
    at_site = facts.get("mode") == "site"
    observed = facts.get("site_observed") if at_site else week["valid_week"]
    if observed or facts.get("log_observed"):
        return "not_met", None
    unseen = "gateway_outage" if at_site else "not_enough_wear"
    return "cannot_judge", facts.get("hindrance") or unseen
