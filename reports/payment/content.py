"""What goes into a payment line and what it says. Amounts are yuan with two places, exact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

Item = Literal["base", "performance"]
State = Literal["payable", "on_hold", "shown_not_paid", "nothing"]

ITEMS: tuple[Item, ...] = ("base", "performance")
STATES: tuple[State, ...] = ("payable", "on_hold", "shown_not_paid", "nothing")

NO_PRESCRIPTION = "no_prescription"
TOO_FEW_JUDGED_WEEKS = "too_few_judged_weeks"
RATE_TOO_LOW = "rate_too_low"
LIMIT_REACHED = "limit_reached"
NO_PRICE = "no_price"
BETA_BLOCKER = "beta_blocker_without_measured_max"
NO_SIGN_OFF = "no_sign_off"

REASONS = (
    NO_PRESCRIPTION,
    TOO_FEW_JUDGED_WEEKS,
    RATE_TOO_LOW,
    LIMIT_REACHED,
    NO_PRICE,
    BETA_BLOCKER,
    NO_SIGN_OFF,
    "still",
    "lock",
    "shake",
    "fast",
)
"""Why a line is not payable; the last four are signal flags, and hold it."""


@dataclass(frozen=True)
class WeekBehind:
    """One enrolled week of a month, as stored, with what a scheme asks about it."""

    enrolment_id: int
    case_label: str
    week: date
    """Its Monday."""
    prescription_id: int
    prescription_version: int
    zone_by_formula_under_beta_blocker: bool
    state: str
    """A week that is not over by the day of the evaluation counts as `cannot_judge`."""
    reason: str | None
    method_version: str
    input_sha256: bytes | None
    """Of the week's row; None while the week runs, for nothing of it counts."""
    flags_min: Mapping[str, int]
    """Minutes of each signal flag over the week's days (C16)."""


@dataclass(frozen=True)
class PatientMonth:
    """A patient enrolled in some week of the month, with every such week that has begun."""

    patient_id: int
    pseudonym: str
    doctor_id: int
    doctor_code: str
    centre_id: int
    centre_code: str
    weeks: tuple[WeekBehind, ...]


@dataclass(frozen=True)
class Used:
    """What earlier months of the person-year have used of the limits, held lines included."""

    services: int = 0
    performance_yuan: Decimal = Decimal(0)


@dataclass(frozen=True)
class Line:
    """One item of one patient in one month; zero is a line, too."""

    month: date
    patient_id: int
    pseudonym: str
    doctor_id: int
    doctor_code: str
    centre_id: int
    centre_code: str
    scheme_key: str
    scheme_version: int
    item: str
    weeks: int
    numerator: int
    denominator: int
    exclusions: Mapping[str, int]
    flags: Mapping[str, int]
    quantity: int
    unit_price: Decimal
    factor: Decimal
    cut: Decimal
    amount: Decimal
    shares: Mapping[str, Decimal]
    state: str
    reasons: tuple[str, ...]
    signed_by: str | None
    input_sha256: bytes
    behind: tuple[WeekBehind, ...] = field(default=(), compare=False)
    """The weeks it rests on."""

    @property
    def payable(self) -> Decimal:
        """What it comes to now: the amount of a payable line, else zero."""
        return self.amount if self.state == "payable" else Decimal("0.00")


@dataclass(frozen=True)
class Lines:
    """A month's lines under one scheme."""

    month: date
    scheme_key: str
    scheme_version: int
    lines: tuple[Line, ...]
    changed: int = 0
    """Stored lines that are now other than before: new, replaced or gone."""

    @property
    def payable(self) -> Decimal:
        """The month's payable amount."""
        return sum((line.payable for line in self.lines), Decimal("0.00"))
