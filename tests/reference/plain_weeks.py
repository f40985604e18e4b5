"""The weeks of a case (C12, C13, C14): what its days and bouts come to, against what was asked."""

from datetime import date, timedelta
from fractions import Fraction

from tests.reference.plain_numbers import MINUTE, Row, exact, monday_of
from tests.reference.plain_prescription import Version, in_force_for_week

FOUR_FIFTHS = Fraction(80, 100)


def weeks_of(
    versions: list[Version], days: list[Row], bouts: list[Row], first: date, last: date
) -> list[Row]:
    """Every week from the first to the last day, empty ones too; none that nothing is asked in."""
    weeks = []
    monday = monday_of(first)
    while monday <= last:
        version = in_force_for_week(versions, monday)
        if version is not None:
            its_days = [day for day in days if monday_of(day["date"]) == monday]
            its_bouts = [bout for bout in bouts if monday_of(bout["date"]) == monday]
            weeks.append(week_of(version.row, monday, its_days, its_bouts))
        monday += timedelta(days=7)
    return weeks


def session_days_of(row: Row, bouts: list[Row]) -> int:
    """C14; where a day's bouts add up (section 13), their credit together may be a session."""
    count = 0
    for day in {bout["date"] for bout in bouts}:
        its_bouts = [bout for bout in bouts if bout["date"] == day]
        credit = sum(bout["credit_ms"] for bout in its_bouts)
        adds_up = credit >= FOUR_FIFTHS * exact(row["session_min"]) * MINUTE
        if any(bout["complete"] for bout in its_bouts) or (row.get("day_adds_up") and adds_up):
            count += 1
    return count


def week_of(row: Row, monday: date, days: list[Row], bouts: list[Row]) -> Row:
    """C14."""
    session_days = session_days_of(row, bouts)
    credit = sum(bout["credit_ms"] for bout in bouts)
    effort = sum(bout["effort_ms"] for bout in bouts)
    attendance = min(Fraction(1), Fraction(session_days) / exact(row["sessions_per_week"]))
    rdi = Fraction(credit) / MINUTE / exact(row["weekly_min"])
    volume = min(Fraction(1), rdi)
    shares = [
        min(Fraction(1), Fraction(bout["credit_ms"]) / MINUTE / exact(row["session_min"]))
        for bout in bouts
    ]
    hard = sum(day["vigorous_ms"] + day["near_max_ms"] for day in days)
    valid_days = sum(day["valid_day"] for day in days)
    return {
        "case": row["case"],
        "version": row.get("version"),
        "person": row["person"],
        "week": monday,
        "wear_min": Fraction(sum(day["wear_ms"] for day in days), MINUTE),
        "valid_days": valid_days,
        "valid_week": valid_days >= 4,
        "bouts": len(bouts),
        "complete_sessions": sum(bout["complete"] for bout in bouts),
        "session_days": session_days,
        "bout_credit_min": Fraction(credit, MINUTE),
        "all_credit_min": Fraction(sum(day["credit_ms"] for day in days), MINUTE),
        "above_min": Fraction(sum(day["above_ms"] for day in days), MINUTE),
        "mod_eq_min": Fraction(sum(day["moderate_ms"] for day in days) + 2 * hard, MINUTE),
        "attendance": attendance,
        "rdi": rdi,
        "volume": volume,
        "intensity": Fraction(credit, effort) if bouts else None,
        "duration": sum(shares) / len(shares) if shares else None,
        "adherent": attendance >= FOUR_FIFTHS and volume >= FOUR_FIFTHS,
        "adherence_pct": 100 * min(attendance, volume),
    }
