"""The definitions of the payment sheets, with the figures of the schemes in force."""

from collections.abc import Mapping

from config.language import later
from config.schemes import Scheme

SIGN_OFF = "sign_off"

PAYMENT_DEFINITIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    later("Month of a week"): (
        later(
            "A week counts whole, in the month in which its Sunday lies. A week that is not over "
            "is listed and left out."
        ),
        ("week_belongs_to", "first_month", "last_month"),
    ),
    later("Eligible patient"): (
        later(
            "Enrolled on some day of a week of the month. Each has one line for each item, also "
            "where it comes to zero."
        ),
        (),
    ),
    later("Base fee"): (
        later(
            "Quantity: 1 monitoring service, if enough weeks of the month were judged, met or not. "
            "Numerator: judged weeks. Denominator: weeks that are over. Paid for so many services "
            "in a year at most."
        ),
        (
            "base_price_yuan",
            "base_least_judged_weeks",
            "base_most_services_a_year",
            "person_year",
            "limits_count",
        ),
    ),
    later("Performance"): (
        later(
            "Quantity: 1 month that passes, if the adherence rate of its weeks reaches the pass "
            "mark over enough judged weeks. Numerator: weeks met. Denominator: weeks met + not "
            "met. Paid up to the yearly limit at most."
        ),
        (
            "performance_month_price_yuan",
            "performance_pass_pct",
            "performance_least_judged_weeks",
            "performance_most_yuan_a_year",
        ),
    ),
    later("Excluded weeks"): (
        later(
            "Weeks that cannot be judged are in neither the numerator nor the denominator, unless "
            "the scheme says so, and are counted by reason. The week of a person in several "
            "programmes counts once, by the lowest of its states; a programme whose week is "
            "excused decides nothing."
        ),
        ("cannot_judge", "several_programmes"),
    ),
    later("Amount"): (
        later(
            "Quantity * unit price * factor, rounded half up once to the fen, less what a yearly "
            "limit cuts off. It stands in every line, whatever its state; what is paid is the sum "
            "of the payable lines alone."
        ),
        ("region_factor",),
    ),
    later("Shares of the team"): (
        later(
            "The amount by percentages, in whole fen; fen left over go to the largest remainders, "
            "of equal ones to the role named first. The shares add up to the amount."
        ),
        ("split_doctor_pct", "split_therapist_pct", "split_instructor_pct"),
    ),
    later("Line: on hold"): (
        later(
            "Some judged week has so many flagged minutes that a named person has to look at the "
            "line. A flag holds a line and never makes it zero."
        ),
        (
            "hold_from_still_min",
            "hold_from_lock_min",
            "hold_from_shake_min",
            "hold_from_fast_min",
        ),
    ),
    later("Line: shown, not paid"): (
        later(
            "Performance that rests on a zone by formula under a beta-blocker; and every line of a "
            "scheme that nobody has signed, as long as it holds a figure that the policy does not "
            "name."
        ),
        ("beta_blocker_without_measured_max", "method_version"),
    ),
    later("Figures marked *"): (
        later(
            "The policy does not name them; they were decided in the scheme's file, with the "
            "reason. They pay only while somebody answers for them, whose name stands beside them."
        ),
        (SIGN_OFF,),
    ),
}
"""Term -> (definition, names of the scheme's figures that it uses)."""


def in_force(scheme: Scheme, name: str) -> str:
    """Say a figure with its unit; `*` marks one that the policy does not name."""
    if name == SIGN_OFF:
        signed = scheme.sign_off
        said = " ".join(str(part) for part in (signed.by, signed.on) if part) if signed else "-"
        return f"{scheme.key} v{scheme.version}: {SIGN_OFF} = {said}"
    figure = scheme.figures[name]
    unit = "" if figure.unit == "rule" else f" {figure.unit}"
    return f"{name} = {scheme.numbers()[name] or '-'}{unit}{'' if figure.in_policy else ' *'}"
