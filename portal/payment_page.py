"""What a month comes to, line by line: by pseudonym, each with the weeks it rests on."""

from datetime import date
from decimal import Decimal

from fastapi import APIRouter, Response

from portal.visit import Payer
from reports.payment.listing import SHOWN, lines, periods
from reports.workbook import payment_words

router = APIRouter()


@router.get("/payment")
def payment_page(visit: Payer, month: str = "") -> Response:
    """Show the lines of a month (`2026-11`), the newest without asking."""
    months = periods(visit.conn, SHOWN)
    chosen = _month(month) or (months[-1].month if months else None)
    found = [] if chosen is None else lines(visit.conn, chosen, source=SHOWN)
    visit.note("read_payment", "payment lines", month=None if chosen is None else str(chosen))
    return visit.page(
        "payment.html",
        months=months,
        month=chosen,
        period=next((one for one in months if one.month == chosen), None),
        signers=sorted({line.signed_by for line in found if line.signed_by}),
        lines=found,
        payable=sum((line.payable for line in found), Decimal("0.00")),
        on_hold=sum((line.amount for line in found if line.state == "on_hold"), Decimal("0.00")),
        payment_words=payment_words,
    )


def _month(text: str) -> date | None:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        return None
