"""Who read or changed what about whom: for the auditor."""

from fastapi import APIRouter, Response

from alerts.listing import yields
from config.alert_rules import TITLES
from portal.audit_words import SUBJECTS, details
from portal.visit import Auditor
from storage.audit import entries

router = APIRouter()

ROWS = 100


@router.get("/audit")
def audit_page(
    visit: Auditor, actor: str = "", action: str = "", subject: str = "", before: int | None = None
) -> Response:
    """Show the trail, newest first; by actor, action or subject where one is given."""
    asked = {"actor": actor.strip(), "action": action.strip(), "subject": subject.strip()}
    visit.note("read_audit", "audit trail", of={name: of for name, of in asked.items() if of})
    found = entries(
        visit.conn,
        actor=asked["actor"] or None,
        action=asked["action"] or None,
        subject=asked["subject"] or None,
        before=before,
        rows=ROWS,
    )
    return visit.page(
        "audit.html",
        entries=found,
        asked=asked,
        before=found[-1].id if len(found) == ROWS else None,
        yields=yields(visit.conn),
        titles=TITLES,
        subjects=SUBJECTS,
        details=details,
    )
