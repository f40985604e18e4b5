"""The month's payable lines, as the night has left them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from reports.payment.content import Line
from reports.payment.listing import lines
from storage.database import Connection

NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Paid:
    """One month under one scheme."""

    month: date
    """Its first day."""
    lines: tuple[Line, ...]

    def total(self, state: str) -> Decimal:
        """Return the sum of the lines in a state, yuan."""
        return sum((line.amount for line in self.lines if line.state == state), NOTHING)

    def shares(self) -> Mapping[str, Decimal]:
        """Return role -> its part of what is payable, yuan."""
        payable = [line.shares for line in self.lines if line.state == "payable"]
        roles = dict.fromkeys(role for shares in payable for role in shares)
        return {role: sum((shares[role] for shares in payable), NOTHING) for role in roles}


def best_month(mondays: Iterable[date]) -> date:
    """Return the month in which most of these weeks end; of equals the later one.

    A week is of the month its Sunday lies in.
    """
    ends = Counter((monday + timedelta(days=6)).replace(day=1) for monday in mondays)
    return max(ends, key=lambda month: (ends[month], month))


def paid(conn: Connection, mondays: Iterable[date]) -> Paid:
    """Return the lines of the month with most of these weeks."""
    month = best_month(mondays)
    return Paid(month, tuple(lines(conn, month)))


def as_json(paid: Paid) -> Mapping[str, Any]:
    """Return the month for a program; amounts are text, exact to the fen."""
    return {
        "month": f"{paid.month:%Y-%m}",
        "payable_yuan": str(paid.total("payable")),
        "on_hold_yuan": str(paid.total("on_hold")),
        "lines": [
            {
                "patient": line.pseudonym,
                "doctor": line.doctor_code,
                "centre": line.centre_code,
                "scheme": f"{line.scheme_key} {line.scheme_version}",
                "item": line.item,
                "numerator": line.numerator,
                "denominator": line.denominator,
                "exclusions": dict(line.exclusions),
                "quantity": line.quantity,
                "unit_price_yuan": str(line.unit_price),
                "amount_yuan": str(line.amount),
                "shares_yuan": {role: str(yuan) for role, yuan in line.shares.items()},
                "state": line.state,
                "reasons": list(line.reasons),
                "weeks": [str(week.week) for week in line.behind],
            }
            for line in paid.lines
        ],
    }
