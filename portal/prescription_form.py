"""The form of a new version of a prescription, empty of faults or with one."""

from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from fastapi import Response

from alerts.listing import ListedAlert
from portal import records
from portal.limits import LAST_WEEK
from portal.terms import Asked, as_typed, filled
from portal.visit import Visit


class Subject(NamedTuple):
    """Whose prescription it is, what it says by now, and the alert it answers."""

    patient: records.Patient
    enrolment: records.Enrolment
    is_only: bool
    """The patient has no other programme."""
    versions: list[records.Version]
    """Newest first, one at least."""
    alert: ListedAlert | None

    @property
    def path(self) -> str:
        """Return the address of the form."""
        asked = {"case": self.enrolment.case_label} if not self.is_only else {}
        if self.alert is not None:
            asked["alert"] = str(self.alert.id)
        path = f"/patients/{quote(self.patient.pseudonym, safe='')}/prescription"
        return f"{path}?{urlencode(asked)}" if asked else path


def prescription_form(
    visit: Visit,
    subject: Subject,
    asked: Asked | None = None,
    *,
    fault: str | None = None,
    reason: str = "",
) -> Response:
    """Return the page: with what was `asked`, or filled with the newest version."""
    version, today = subject.versions[0], visit.reader.today()
    return visit.page(
        "prescribe.html",
        200 if fault is None else 422,
        here=subject.path,
        patient=subject.patient,
        enrolment=subject.enrolment,
        case=None if subject.is_only else subject.enrolment.case_label,
        version=version,
        asked=filled(asked or as_typed(version, today), version, today),
        alert=subject.alert,
        fault=fault,
        reason=reason,
        last_week=LAST_WEEK,
        tomorrow=today + timedelta(days=1),
    )
