"""Reading a month for a scheme: who was enrolled, their weeks, what earlier months used."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

from config.conventions import load_conventions
from config.schemes import Scheme
from reports.payment.content import Line, PatientMonth, Used, WeekBehind
from reports.payment.evaluate import evaluate
from storage.database import Connection
from storage.queries import query

_WEEK = timedelta(days=7)
_DECEMBER = 12


def month_of(day: date) -> date:
    """Return the first day of the month a day lies in."""
    return day.replace(day=1)


def month_after(month: date) -> date:
    """Return the first day of the next month."""
    if month.month == _DECEMBER:
        return date(month.year + 1, 1, 1)
    return month.replace(month=month.month + 1)


def mondays_of(month: date) -> tuple[date, date]:
    """Return the first and the last Monday of the weeks whose Sunday lies in the month."""
    first_sunday = month + timedelta(days=(6 - month.weekday()) % 7)
    last_day = month_after(month) - timedelta(days=1)
    last_sunday = last_day - timedelta(days=(last_day.weekday() + 1) % 7)
    return first_sunday - timedelta(days=6), last_sunday - timedelta(days=6)


def computed(conn: Connection, scheme: Scheme, month: date, through: date) -> tuple[Line, ...]:
    """Return the month's lines as of the local day `through`, by pseudonym and item; store nothing.

    Everybody enrolled in the month has a line of each item, with weeks or without.
    """
    first, last = mondays_of(month)
    offset = timedelta(minutes=load_conventions().utc_offset_min)
    asked = {"first_week": first, "last_week": last, "through": through, "offset": offset}
    weeks: dict[int, list[WeekBehind]] = defaultdict(list)
    for patient_id, *week in conn.execute(query("payment_weeks"), asked).fetchall():
        *facts, still, lock, shake, fast = week
        flags = {"still": still, "lock": lock, "shake": shake, "fast": fast}
        flags_min = {flag: int(minutes) for flag, minutes in flags.items()}
        weeks[patient_id].append(WeekBehind(*[*facts, flags_min]))
    used = {
        patient_id: Used(services, Decimal(yuan))
        for patient_id, services, yuan in conn.execute(
            query("payment_used"), {"key": scheme.key, "month": month}
        ).fetchall()
    }
    people = [
        PatientMonth(*[*row, tuple(weeks[row[0]])])
        for row in conn.execute(query("payment_people"), asked).fetchall()
    ]
    people.sort(key=lambda person: person.pseudonym)  # not by the database's idea of an alphabet
    return tuple(
        line
        for person in people
        for line in evaluate(month, person, used.get(person.patient_id, Used()), scheme)
    )
