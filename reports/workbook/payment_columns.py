"""The payment sheets, column by column."""

from collections.abc import Mapping

from config.language import later
from reports.workbook.columns import CASE_AND_WEEK, JUDGED_BY, WHO
from reports.workbook.sheet import Column

WHEN = Column("month", later("Month"), "month", 9, "Settlement month; a week is of its Sunday's.")
BY = (
    Column("scheme", later("Scheme"), "text", 22, "Payment scheme and its version."),
    Column("item_shown", later("Item"), "text", 22, "Base fee or performance."),
)

MONEY_OF_UNIT = (
    Column(
        "payable",
        later("Payable, yuan"),
        "money",
        11,
        "Sum of the amounts of payable lines.",
    ),
    Column("held", later("On hold, yuan"), "money", 10, "Sum of the amounts of lines on hold."),
    Column(
        "shown",
        later("Shown, yuan"),
        "money",
        10,
        "Sum of the amounts of lines that are shown and not paid.",
    ),
    Column("doctor", later("Doctor's share"), "money", 10, "The doctor's part of what is payable."),
    Column(
        "therapist",
        later("Therapist's share"),
        "money",
        11,
        "The rehabilitation therapist's part of what is payable.",
    ),
    Column(
        "instructor",
        later("Instructor's share"),
        "money",
        11,
        "The exercise instructor's part of what is payable.",
    ),
)

SUMMARY = (
    WHEN,
    Column(
        "period_state",
        later("Settlement period"),
        "text",
        11,
        "Not closed: lines still follow their weeks.",
    ),
    *BY,
    Column("unit", later("Sum of"), "text", 9, "All, a centre, or a doctor with the team."),
    Column("code", later("Code"), "text", 12, "Code of the centre or of the family doctor."),
    Column("name", later("Name"), "text", 20, "Name of the centre or of the family doctor."),
    Column("patients", later("Patients"), "count", 8, "Patients of the unit, enrolled or not."),
    Column(
        "payable_lines",
        later("Numerator: payable"),
        "count",
        11,
        "Patients with a payable line of this item.",
    ),
    Column(
        "eligible",
        later("Denominator: eligible"),
        "count",
        13,
        "Patients enrolled in the month; each has a line.",
    ),
    Column(
        "on_hold", later("Of these on hold"), "count", 8, "Lines a named person has to look at."
    ),
    Column(
        "shown_not_paid",
        later("Of these shown, not paid"),
        "count",
        9,
        "Lines that no rule allows to be paid.",
    ),
    Column("nothing", later("Of these nothing due"), "count", 9, "Lines that come to zero."),
    Column("numerator", later("Numerator: weeks"), "count", 11, "Sum of the lines' numerators."),
    Column(
        "denominator", later("Denominator: weeks"), "count", 13, "Sum of the lines' denominators."
    ),
    Column(
        "rate",
        later("Rate"),
        "percent",
        8,
        "Numerator / denominator of the weeks; empty where the denominator is 0.",
    ),
    Column("excluded", later("Weeks excluded"), "count", 9, "Weeks that are not judged."),
    Column(
        "exclusions_shown",
        later("Excluded weeks by reason"),
        "note",
        24,
        "Weeks that are not judged, by reason.",
    ),
    *MONEY_OF_UNIT,
    Column("signed_by", later("Signed by"), "text", 12, "Who signed the scheme; empty: nobody."),
)

LINES = (
    *WHO,
    WHEN,
    *BY,
    Column("weeks", later("Weeks"), "count", 7, "Enrolled weeks of the month that have begun."),
    Column(
        "numerator",
        later("Numerator"),
        "count",
        11,
        "Base: judged weeks. Performance: weeks met.",
    ),
    Column(
        "denominator",
        later("Denominator"),
        "count",
        13,
        "Base: weeks that are over. Performance: weeks met and not met.",
    ),
    Column("rate", later("Rate"), "percent", 8, "Numerator / denominator; empty without any."),
    Column(
        "exclusions_shown",
        later("Excluded weeks by reason"),
        "note",
        22,
        "Weeks that are not judged, by reason.",
    ),
    Column(
        "quantity",
        later("Quantity"),
        "count",
        8,
        "Base: services. Performance: months that pass.",
    ),
    Column("unit_price", later("Unit price, yuan"), "money", 9, "Price of one, by the scheme."),
    Column("factor", later("Factor"), "factor", 8, "The region's factor, by the scheme."),
    Column("cut", later("Cut by limit, yuan"), "money", 9, "What a yearly limit took off."),
    Column(
        "amount",
        later("Amount, yuan"),
        "money",
        10,
        "Quantity * price * factor, rounded once, less the cut; payable or not.",
    ),
    Column("doctor", later("Doctor's share"), "money", 9, "The doctor's part of the amount."),
    Column(
        "therapist",
        later("Therapist's share"),
        "money",
        11,
        "The rehabilitation therapist's part of the amount.",
    ),
    Column(
        "instructor",
        later("Instructor's share"),
        "money",
        11,
        "The exercise instructor's part of the amount.",
    ),
    Column("state_shown", later("State"), "text", 15, "Payable, on hold, shown, nothing due."),
    Column("reasons_shown", later("Reasons"), "note", 26, "Why it is not payable."),
    Column(
        "flags_shown",
        later("Signal flags"),
        "note",
        20,
        "Most flagged minutes in one judged week, where they reach the scheme's limit.",
    ),
    Column("signed_by", later("Signed by"), "text", 12, "Who signed the scheme; empty: nobody."),
    Column(
        "input_sha256",
        later("Input hash (SHA-256)"),
        "hash",
        44,
        "SHA-256 over everything the line was made from and says.",
    ),
)

WEEKS = (
    *WHO,
    Column("month", later("Month"), "month", 9, "Settlement month of the lines it stands behind."),
    Column("scheme", later("Scheme"), "text", 22, "Payment scheme and its version."),
    *CASE_AND_WEEK,
    Column(
        "week_state", later("State"), "text", 18, "Met, not met, or cannot be judged, as it was."
    ),
    Column("week_reason", later("Reason"), "text", 20, "Why the week cannot be judged."),
    Column(
        "counts_as",
        later("In the adherence rate"),
        "text",
        26,
        "What the week is in the month's rate of performance.",
    ),
    Column(
        "formula",
        later("Zone by formula under a beta-blocker"),
        "text",
        12,
        "Yes: performance that rests on it is shown and not paid.",
    ),
    Column("still", later("Effort without a step, min"), "count", 9, "Flag `still` of its days."),
    Column("lock", later("Heart rate = cadence, min"), "count", 9, "Flag `lock` of its days."),
    Column("shake", later("Steps without pulse, min"), "count", 9, "Flag `shake` of its days."),
    Column("fast", later("Impossible cadence, min"), "count", 11, "Flag `fast` of its days."),
    *JUDGED_BY,
    Column(
        "input_sha256",
        later("Input hash (SHA-256)"),
        "hash",
        44,
        "SHA-256 of the week's row, as on the sheet Detail; empty while the week runs.",
    ),
)

PAYMENT_TABLES: Mapping[str, tuple[Column, ...]] = {
    later("Payment"): SUMMARY,
    later("Payable lines"): LINES,
    later("Weeks behind lines"): WEEKS,
}
"""The sheets that stand before the definitions where a scheme is in force, by English name."""
