"""The scheme over one patient's month: pure, no I/O, no clock.

One line for each item, always. The order of weeks does not matter, and the same month gives the
same lines to the last byte.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from adherence.states import CANNOT_JUDGE, EXCUSES, MET, NOT_MET
from config.schemes import FLAGS, Scheme
from reports.nightly.evidence import sha256_of_facts
from reports.payment import content
from reports.payment.content import Item, Line, PatientMonth, Used, WeekBehind
from reports.payment.money import rounded, shares

NOT_OVER = "week_not_over"


class _Counts(NamedTuple):
    """A month's weeks of one person, each counted once."""

    weeks: int
    met: int
    not_met: int
    unseen: int
    """Weeks nobody could judge that the scheme lets stand in the rate's denominator."""
    exclusions: Mapping[str, int]

    @property
    def judged(self) -> int:
        return self.met + self.not_met

    @property
    def over(self) -> int:
        return self.weeks - self.exclusions.get(NOT_OVER, 0)


class _Draft(NamedTuple):
    """A line before limits, holds and signature."""

    item: Item
    numerator: int
    denominator: int
    quantity: int
    unit_price: Decimal
    nothing: str | None
    """Why there is nothing to pay, if so."""
    room: Decimal
    """What the yearly limit still allows, yuan."""


def evaluate(month: date, person: PatientMonth, used: Used, scheme: Scheme) -> tuple[Line, ...]:
    """Return the patient's lines of the month, in the order of the items."""
    weeks = tuple(sorted(person.weeks, key=lambda week: (week.week, week.enrolment_id)))
    counts = _counted(weeks, scheme)
    drafts = (_base(counts, used, scheme), _performance(counts, used, scheme))
    return tuple(_line(month, person, weeks, counts, draft, scheme) for draft in drafts)


def _counted(weeks: Iterable[WeekBehind], scheme: Scheme) -> _Counts:
    """Count each week of a person once: of several programmes the lowest state stands."""
    lowest = lowest_of(weeks)
    states = Counter(week.state for week in lowest.values())
    reasons = Counter(week.reason for week in lowest.values() if week.reason is not None)
    unseen = 0
    if scheme.cannot_judge == "counts_as_not_met":
        hindered = [reason for reason in reasons if reason not in EXCUSES]
        unseen = sum(reasons.pop(reason) for reason in hindered)
    exclusions = dict(sorted(reasons.items()))
    return _Counts(len(lowest), states[MET], states[NOT_MET], unseen, exclusions)


def lowest_of(weeks: Iterable[WeekBehind]) -> dict[date, WeekBehind]:
    """Return the week that counts of each Monday: of several programmes the lowest."""
    lowest: dict[date, WeekBehind] = {}
    for week in weeks:
        lowest[week.week] = min(lowest.get(week.week, week), week, key=_height)
    return lowest


def _height(week: WeekBehind) -> int:
    """Rank a state; a week that asks nothing of the person decides nothing."""
    if week.state == CANNOT_JUDGE:
        return 3 if week.reason in EXCUSES else 1
    return {NOT_MET: 0, MET: 2}[week.state]


def _base(counts: _Counts, used: Used, scheme: Scheme) -> _Draft:
    """One monitoring service, if enough weeks were judged to call it that."""
    price = scheme.base_price_yuan
    services_left = max(scheme.base_most_services_a_year - used.services, 0)
    delivered = counts.judged >= max(scheme.base_least_judged_weeks, 1)
    return _Draft(
        item="base",
        numerator=counts.judged,
        denominator=counts.over,
        quantity=int(delivered),
        unit_price=price,
        nothing=None if delivered else _too_few(counts),
        room=rounded(services_left * price * scheme.region_factor),
    )


def _performance(counts: _Counts, used: Used, scheme: Scheme) -> _Draft:
    """One month that passes, if the rate reaches the mark over enough judged weeks."""
    enough = counts.judged >= max(scheme.performance_least_judged_weeks, 1)
    # Multiplied out: nothing is divided, so nothing is rounded at the pass mark.
    denominator = counts.judged + counts.unseen
    passes = 100 * counts.met >= scheme.performance_pass_pct * denominator
    nothing = _too_few(counts) if not enough else None if passes else content.RATE_TOO_LOW
    return _Draft(
        item="performance",
        numerator=counts.met,
        denominator=denominator,
        quantity=int(enough and passes),
        unit_price=scheme.performance_month_price_yuan,
        nothing=nothing,
        room=max(scheme.performance_most_yuan_a_year - used.performance_yuan, Decimal(0)),
    )


def _too_few(counts: _Counts) -> str:
    return content.TOO_FEW_JUDGED_WEEKS if counts.weeks else content.NO_PRESCRIPTION


def _line(
    month: date,
    person: PatientMonth,
    weeks: tuple[WeekBehind, ...],
    counts: _Counts,
    draft: _Draft,
    scheme: Scheme,
) -> Line:
    full = rounded(draft.quantity * draft.unit_price * scheme.region_factor)
    amount = min(full, draft.room)
    flags = _flags(weeks, scheme)
    state, reasons = _state(draft, full, amount, weeks, flags, scheme)
    said = {
        "month": str(month),
        "scheme": scheme.deciding(),
        "sign_off": scheme.sign_off.model_dump(mode="json") if scheme.sign_off else None,
        "item": draft.item,
        "pseudonym": person.pseudonym,
        "doctor": person.doctor_code,
        "centre": person.centre_code,
        "weeks": [_facts(week) for week in weeks],
        "room": str(draft.room),
        "amount": str(amount),
        "state": state,
        "reasons": reasons,
    }
    return Line(
        month=month,
        patient_id=person.patient_id,
        pseudonym=person.pseudonym,
        doctor_id=person.doctor_id,
        doctor_code=person.doctor_code,
        centre_id=person.centre_id,
        centre_code=person.centre_code,
        scheme_key=scheme.key,
        scheme_version=scheme.version,
        item=draft.item,
        weeks=counts.weeks,
        numerator=draft.numerator,
        denominator=draft.denominator,
        exclusions=counts.exclusions,
        flags=flags,
        quantity=draft.quantity,
        unit_price=rounded(draft.unit_price),
        factor=scheme.region_factor.quantize(Decimal("0.0001")),
        cut=full - amount,
        amount=amount,
        shares=shares(amount, scheme.split_pct),
        state=state,
        reasons=tuple(reasons),
        signed_by=scheme.sign_off.by if scheme.sign_off else None,
        input_sha256=sha256_of_facts(said),
        behind=weeks,
    )


def _state(
    draft: _Draft,
    full: Decimal,
    amount: Decimal,
    weeks: Iterable[WeekBehind],
    flags: Mapping[str, int],
    scheme: Scheme,
) -> tuple[content.State, list[str]]:
    """Decide the state and every reason against payment, the deciding one first.

    Nothing to pay, then nothing that may be paid, then what a person has to look at: a flag holds
    a line and never makes it zero.
    """
    if not amount:
        why = draft.nothing or (content.LIMIT_REACHED if full else content.NO_PRICE)
        return "nothing", [why]
    barred = []
    formula = any(w.zone_by_formula_under_beta_blocker for w in weeks if w.state != CANNOT_JUDGE)
    if draft.item == "performance" and formula:
        barred.append(content.BETA_BLOCKER)
    if scheme.unsigned:
        barred.append(content.NO_SIGN_OFF)
    if barred:
        return "shown_not_paid", [*barred, *flags]
    return ("on_hold", list(flags)) if flags else ("payable", [])


def _flags(weeks: Iterable[WeekBehind], scheme: Scheme) -> dict[str, int]:
    """Return the flags that some judged week reaches the limit of, with the most minutes of one."""
    judged = [week for week in weeks if week.state != CANNOT_JUDGE]
    most = {flag: max((w.flags_min.get(flag, 0) for w in judged), default=0) for flag in FLAGS}
    limits = scheme.hold_from_min
    # A limit of 0 minutes would hold every line: it means that nothing is held for the flag.
    return {flag: most[flag] for flag in FLAGS if limits[flag] and most[flag] >= limits[flag]}


def _facts(week: WeekBehind) -> dict[str, object]:
    """Say a week by names that are the same in every database."""
    return {
        "case": week.case_label,
        "week": str(week.week),
        "version": week.prescription_version,
        "formula": week.zone_by_formula_under_beta_blocker,
        "state": week.state,
        "reason": week.reason,
        "method": week.method_version,
        "data": week.input_sha256.hex() if week.input_sha256 else None,
        "flags": {flag: week.flags_min.get(flag, 0) for flag in FLAGS},
    }
