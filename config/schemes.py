"""Payment schemes, read from TOML: every figure with its unit, its source, and who vouches for it.

A figure the policy names drives payment as it stands. One that was decided here, because the policy
is silent, drives none until somebody has signed the file: `[sign_off]` with who and when.
"""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from config.errors import Misconfigured
from config.fields import Strict
from config.language import _

SCHEMES_DIR = Path(__file__).with_name("schemes")
DEMO = "DEMO"
"""Stands in the place of a signature in the demonstration, and in everything that comes of it."""

ROLES = ("doctor", "therapist", "instructor")
FLAGS = ("still", "lock", "shake", "fast")
"""Signal flags of a day (C16), in the order in which they are named."""

WHOLE = 100

Code = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Month = Annotated[str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]
Count = Annotated[int, Field(ge=0, strict=True)]
Percent = Annotated[int, Field(ge=0, le=WHOLE, strict=True)]
Yuan = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)]
Factor = Annotated[Decimal, Field(ge=0, le=10, max_digits=6, decimal_places=4)]


class Figure(Strict):
    """A figure's unit and source, and whether the policy names it."""

    unit: str = Field(min_length=1)
    source: str = Field(min_length=1)
    in_policy: bool


class SignOff(Strict):
    """Who answers for the figures that the policy does not name, and since when."""

    by: str = Field(min_length=1)
    on: date | None = None

    @model_validator(mode="after")
    def _dated(self) -> Self:
        if self.on is None and self.by != DEMO:
            raise ValueError("sign_off needs `on`, the date")
        return self


class Scheme(Strict):
    """Base fee and performance by adherence; each figure's meaning is its description."""

    key: Code = Field(description="Name of the scheme; its versions share it")
    version: int = Field(ge=1, strict=True, description="A change of any figure is a new version")
    figures: Mapping[str, Figure]
    sign_off: SignOff | None = Field(
        default=None,
        description="Who signs for the figures outside the policy (`by`) and when (`on`)",
    )

    first_month: Month = Field(description="First month it pays for")
    last_month: Month | Literal[""] = Field(description="Last month; empty while it is in force")
    method_version: str = Field(
        min_length=1,
        description="Version of the conventions it rests on; with it are signed the numbers that "
        "the conventions mark for confirmation",
    )
    base_price_yuan: Yuan = Field(description="Price of one month's monitoring service")
    base_most_services_a_year: Count = Field(
        description="Monitoring services paid per person-year at most"
    )
    base_least_judged_weeks: Count = Field(
        description="A month with fewer judged weeks is no service"
    )
    performance_month_price_yuan: Yuan = Field(
        description="Price of one month whose adherence rate passes"
    )
    performance_most_yuan_a_year: Yuan = Field(
        description="Performance paid per person-year at most"
    )
    performance_pass_pct: Percent = Field(
        description="The month passes at this adherence rate: met / (met + not met) weeks"
    )
    performance_least_judged_weeks: Count = Field(
        description="A month with fewer judged weeks proves no adherence"
    )
    region_factor: Factor = Field(description="Every amount is multiplied by it")
    split_doctor_pct: Percent = Field(description="The doctor's share of a line")
    split_therapist_pct: Percent = Field(description="The rehabilitation therapist's share")
    split_instructor_pct: Percent = Field(description="The exercise instructor's share")
    cannot_judge: Literal["leaves_denominator", "counts_as_not_met"] = Field(
        description="What a week becomes that cannot be judged for want of data; an excused one "
        "always leaves the denominator"
    )
    week_belongs_to: Literal["month_of_its_sunday"] = Field(
        description="The month a week counts in"
    )
    person_year: Literal["calendar_year"] = Field(description="What the yearly limits run over")
    limits_count: Literal["payable_and_on_hold"] = Field(
        description="Which earlier lines use up a yearly limit"
    )
    several_programmes: Literal["lowest"] = Field(
        description="The week of a person in several programmes is the lowest of its states"
    )
    beta_blocker_without_measured_max: Literal["shown_not_paid"] = Field(
        description="A performance line that rests on a zone by formula under a beta-blocker"
    )
    hold_from_still_min: Count = Field(description="A week with so many `still` minutes: on hold")
    hold_from_lock_min: Count = Field(description="A week with so many `lock` minutes: on hold")
    hold_from_shake_min: Count = Field(description="A week with so many `shake` minutes: on hold")
    hold_from_fast_min: Count = Field(description="A week with so many `fast` minutes: on hold")

    @model_validator(mode="after")
    def _split_is_whole(self) -> Self:
        if sum(self.split_pct.values()) != WHOLE:
            raise ValueError("the shares of doctor, therapist and instructor must add up to 100")
        return self

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.last_month and self.last_month < self.first_month:  # both YYYY-MM
            raise ValueError("last_month lies before first_month")
        return self

    @cached_property
    def split_pct(self) -> Mapping[str, int]:
        """Role -> its share in percent, in the order in which ties are broken."""
        shares = (self.split_doctor_pct, self.split_therapist_pct, self.split_instructor_pct)
        return dict(zip(ROLES, shares, strict=True))

    @cached_property
    def hold_from_min(self) -> Mapping[str, int]:
        """Flag -> minutes in one week from which a line is held."""
        limits = (
            self.hold_from_still_min,
            self.hold_from_lock_min,
            self.hold_from_shake_min,
            self.hold_from_fast_min,
        )
        return dict(zip(FLAGS, limits, strict=True))

    @cached_property
    def unsigned(self) -> tuple[str, ...]:
        """The figures that nobody answers for: while there are any, the scheme pays nothing."""
        if self.sign_off is not None:
            return ()
        return tuple(name for name, figure in self.figures.items() if not figure.in_policy)

    def covers(self, month: date) -> bool:
        """Say whether the scheme is in force in a month, given by its first day."""
        text = f"{month:%Y-%m}"
        return self.first_month <= text and (not self.last_month or text <= self.last_month)

    def numbers(self) -> dict[str, object]:
        """Return every figure as a plain value; not the words, not the signature."""
        return self.model_dump(mode="json", exclude={"figures", "sign_off"})

    def deciding(self) -> dict[str, object]:
        """Return what decides an amount: a version is ended without its lines becoming others."""
        return {name: value for name, value in self.numbers().items() if name != "last_month"}


FIGURES = tuple(
    name for name in Scheme.model_fields if name not in {"key", "version", "figures", "sign_off"}
)
"""Every figure a scheme file must hold, each as a table with its unit and source."""


def load_scheme(path: Path, *, sign_off: Literal["DEMO"] | None = None) -> Scheme:
    """Read a scheme file; raise Misconfigured with every fault at once.

    `sign_off` signs a file that nobody has signed: for the demonstration alone, which says so in
    every line and sheet that comes of it.
    """
    try:
        entries: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        if sign_off is not None:
            entries.setdefault("sign_off", {"by": sign_off})
        return Scheme.model_validate(_plain(entries))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): name a payment scheme's file in payment.schemes.")
            % {"path": path, "why": error.strerror}
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(
            _("%(path)s is no TOML file: %(why)s") % {"path": path, "why": error}
        ) from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or path.name}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise Misconfigured(
            _("%(path)s is no payment scheme: %(faults)s") % {"path": path, "faults": faults}
        ) from error


def load_schemes(paths: Sequence[Path]) -> tuple[Scheme, ...]:
    """Read the schemes in force; raise Misconfigured where two of one name cover the same month."""
    schemes = tuple(load_scheme(path) for path in paths)
    for number, one in enumerate(schemes):
        for other in schemes[:number]:
            apart = (one.last_month and one.last_month < other.first_month) or (
                other.last_month and other.last_month < one.first_month
            )
            if one.key == other.key and not apart:
                raise Misconfigured(
                    _(
                        "Two versions of the payment scheme %(key)s cover the same month: give the "
                        "older one its last_month."
                    )
                    % {"key": one.key}
                )
    return schemes


def _plain(entries: dict[str, Any]) -> dict[str, Any]:
    """Part every figure's table into its value and the words beside it."""
    values: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    for name, entry in entries.items():
        if name in FIGURES and isinstance(entry, dict):
            figures[name] = {key: text for key, text in entry.items() if key != "value"}
            if "value" in entry:
                values[name] = entry["value"]
        elif name in FIGURES:
            figures[name] = {}  # a bare value has no source: validation says what is missing
            values[name] = entry
        else:
            values[name] = entry
    return values | {"figures": figures}
