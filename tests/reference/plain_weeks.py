"""The weeks of a case (C12, C13, C14; section 13): what was done against what was asked for."""

from datetime import date, timedelta
from fractions import Fraction

from tests.reference.plain_components import (
    aerobic_sessions,
    asks_for_steps,
    counted_days,
    counts_from_log,
)
from tests.reference.plain_numbers import MINUTE, Number, Row, given, monday_of
from tests.reference.plain_prescription import Version, in_force_for_week

FOUR_FIFTHS = Fraction(80, 100)


def listed_days(versions: list[Version], days: list[Row], log: list[Row]) -> list[date]:
    """The days that the list of weeks spans: held time, and whatever else is counted."""
    steps_count = any(asks_for_steps(version.row) for version in versions)
    listed = [day["date"] for day in days if day["wear_ms"] > 0 or steps_count]
    if any(counts_from_log(version) for version in versions):
        listed += [row["date"] for row in log]
    return listed


def weeks_of(
    versions: list[Version], days: list[Row], bouts: list[Row], log: list[Row]
) -> list[Row]:
    """Every week from the first to the last such day, empty ones too; none that asks nothing."""
    listed = listed_days(versions, days, log)
    if not listed:
        return []
    weeks = []
    monday = monday_of(min(listed))
    while monday <= max(listed):
        version = in_force_for_week(versions, monday)
        if version is not None:
            its_days = [day for day in days if monday_of(day["date"]) == monday]
            its_bouts = [bout for bout in bouts if monday_of(bout["date"]) == monday]
            its_log = [row for row in log if monday_of(row["date"]) == monday]
            weeks.append(week_of(versions, version, monday, its_days, its_bouts, its_log))
        monday += timedelta(days=7)
    return weeks


def session_days_of(row: Row, sessions: list[Row]) -> int:
    """C14; where a day's bouts add up (section 13), their credit together may be a session."""
    session_min = given(row, "session_min")
    count = 0
    for day in {session["date"] for session in sessions}:
        its = [session for session in sessions if session["date"] == day]
        credit = sum(session["credit_ms"] for session in its)
        adds_up = (
            bool(row.get("day_adds_up"))
            and session_min is not None
            and credit >= FOUR_FIFTHS * session_min * MINUTE
        )
        if adds_up or any(session["complete"] for session in its):
            count += 1
    return count


def share(done: Number, asked: Number | None) -> Fraction | None:
    """Done against asked, 1 at most; None where nothing is asked."""
    return None if asked is None else min(Fraction(1), Fraction(done) / asked)


def percent(*shares: Fraction | None) -> Fraction | None:
    """100 times the lowest; None where nothing is asked."""
    asked = [one for one in shares if one is not None]
    return 100 * min(asked) if asked else None


def week_of(
    versions: list[Version],
    version: Version,
    monday: date,
    days: list[Row],
    bouts: list[Row],
    log: list[Row],
) -> Row:
    """C14, and each component of section 13."""
    row = version.row
    session_min, weekly_min = given(row, "session_min"), given(row, "weekly_min")
    sessions = bouts + aerobic_sessions(versions, log)
    session_days = session_days_of(row, sessions)
    credit = Fraction(sum(session["credit_ms"] for session in sessions), MINUTE)
    attendance = share(session_days, given(row, "sessions_per_week"))
    rdi = None if weekly_min is None else credit / weekly_min
    volume = share(credit, weekly_min)
    lengths = [Fraction(bout["credit_ms"], MINUTE) for bout in bouts]
    shares = [] if session_min is None else [share(length, session_min) for length in lengths]
    effort = sum(bout["effort_ms"] for bout in bouts)
    hard = sum(day["vigorous_ms"] + day["near_max_ms"] for day in days)
    valid_days = sum(day["valid_day"] for day in days)
    steps_asked = given(row, "steps_per_day")
    stepped = sum(steps_asked is not None and day["steps"] >= steps_asked for day in days)
    others = {
        "resistance_pct": share(
            counted_days(versions, log, "resistance", rest_days=int(given(row, "rest_days") or 0)),
            given(row, "resistance_per_week"),
        ),
        "balance_pct": share(
            counted_days(versions, log, "balance", rest_days=0), given(row, "balance_per_week")
        ),
        "steps_pct": share(stepped, None if steps_asked is None else 7),
    }
    asked = [one for one in (attendance, volume, *others.values()) if one is not None]
    return {
        "case": row["case"],
        "version": row.get("version"),
        "person": row["person"],
        "week": monday,
        "wear_min": Fraction(sum(day["wear_ms"] for day in days), MINUTE),
        "valid_days": valid_days,
        "valid_week": valid_days >= 4,
        "bouts": len(bouts),
        "complete_sessions": sum(session["complete"] for session in sessions),
        "session_days": session_days,
        "bout_credit_min": credit,
        "all_credit_min": Fraction(sum(day["credit_ms"] for day in days), MINUTE),
        "above_min": Fraction(sum(day["above_ms"] for day in days), MINUTE),
        "mod_eq_min": Fraction(sum(day["moderate_ms"] for day in days) + 2 * hard, MINUTE),
        "attendance": attendance,
        "rdi": rdi,
        "volume": volume,
        "intensity": Fraction(sum(lengths) * MINUTE) / effort if bouts else None,
        "duration": sum(shares) / len(shares) if shares else None,
        "adherent": bool(asked) and all(one >= FOUR_FIFTHS for one in asked),
        "adherence_pct": percent(*asked),
        "aerobic_pct": percent(attendance, volume),
    } | {name: percent(one) for name, one in others.items()}
