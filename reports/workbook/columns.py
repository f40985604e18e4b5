"""The workbook's tables, column by column: one list each for drawing, documents and tests."""

from collections.abc import Mapping

from config.language import later
from reports.workbook.sheet import Column
from reports.workbook.words import REASONS

WHO = (
    Column("pseudonym", later("Patient"), "text", 18, "The patient's pseudonym; never a name."),
    Column("doctor_code", later("Doctor"), "text", 13, "Code of the family doctor."),
    Column("centre_code", later("Centre"), "text", 13, "Code of the patient's centre."),
)

COUNTS = (
    Column(
        "patient_weeks",
        later("Enrolled patient-weeks"),
        "count",
        9,
        "Weeks of the period in which the patient was enrolled, with data or without.",
    ),
    Column("met", later("Met"), "count", 8, "Patient-weeks in the state `met`."),
    Column("not_met", later("Not met"), "count", 8, "Patient-weeks in the state `not_met`."),
    Column(
        "cannot_judge",
        later("Cannot be judged"),
        "count",
        9,
        "Patient-weeks in the state `cannot_judge`; the next columns say why.",
    ),
    *[
        Column(code, heading, "count", 8, f"Of these, for the reason `{code}`.")
        for code, heading in REASONS.items()
    ],
    Column(
        "met_numerator",
        later("Numerator: met"),
        "count",
        12,
        "Numerator of the adherence rate: met patient-weeks that are over.",
    ),
    Column(
        "judged",
        later("Denominator: met + not met"),
        "count",
        14,
        "Denominator of the adherence rate: judged patient-weeks that are over.",
    ),
    Column(
        "adherence_rate",
        later("Adherence rate"),
        "percent",
        11,
        "Numerator / denominator; empty where the denominator is 0.",
    ),
)

UNITS = (
    *COUNTS,
    Column(
        "patients_passing",
        later("Numerator: patients whose mean passes"),
        "count",
        14,
        "Patients whose own mean adherence over judged weeks reaches the pass mark (80 %).",
    ),
    Column(
        "patients_judged",
        later("Denominator: patients with a judged week"),
        "count",
        14,
        "Patients with at least one judged week.",
    ),
    Column(
        "passing_share",
        later("Share of passing patients"),
        "percent",
        11,
        "Numerator / denominator; empty where the denominator is 0.",
    ),
)

CENTRES = (
    Column("code", later("Centre"), "text", 12, "Code of the centre."),
    Column("name", later("Centre's name"), "text", 20, "Name of the centre."),
    Column("patients", later("Patients"), "count", 8, "Patients of the centre, enrolled or not."),
    *UNITS,
)

DOCTORS = (
    Column("code", later("Doctor"), "text", 12, "Code of the family doctor."),
    Column("name", later("Doctor's name"), "text", 20, "Name of the family doctor."),
    Column("patients", later("Patients"), "count", 8, "Patients of the doctor, enrolled or not."),
    *UNITS,
)

PATIENTS = (
    *WHO,
    Column("doctor_name", later("Doctor's name"), "text", 18, "Name of the family doctor."),
    Column("centre_name", later("Centre's name"), "text", 22, "Name of the patient's centre."),
    *COUNTS,
    Column(
        "mean_adherence_pct",
        later("Mean adherence, %"),
        "done_pct",
        10,
        "Mean of adherence_pct over the patient's judged weeks; empty without any.",
    ),
)

PARTS: Mapping[str, tuple[str, str]] = {
    "aerobic": (
        later("Aerobic, %"),
        "100 times the smaller of attendance and relative dose (at most 1); empty without it.",
    ),
    "resistance": (
        later("Resistance, %"),
        "Days with resistance work that counts / prescribed, at most 100; empty without it.",
    ),
    "balance": (
        later("Balance, %"),
        "Days with balance work / prescribed, at most 100; empty where none is prescribed.",
    ),
    "steps": (
        later("Steps, %"),
        "Days with the steps prescribed / days of the week; empty where none are prescribed.",
    ),
}
"""What may be prescribed -> heading and meaning of its percentage."""

CASE_AND_WEEK = (
    Column("case_label", later("Case"), "text", 18, "The enrolment: one person in one programme."),
    Column("week", later("Week (Monday)"), "date", 11, "Monday of the ISO week, local time."),
)
WHO_AND_WHEN = (*WHO, *CASE_AND_WEEK)

JUDGED_BY = (
    Column(
        "prescription_version",
        later("Prescription version"),
        "count",
        12,
        "Version of the prescription the week is judged by.",
    ),
    Column("method_version", later("Method"), "text", 8, "Version of the conventions."),
)

DETAIL = (
    *WHO_AND_WHEN,
    Column("sessions", later("Complete sessions"), "count", 9, "Complete sessions of the week."),
    Column(
        "session_days",
        later("Days with a session"),
        "count",
        9,
        "Days with at least one complete session.",
    ),
    Column(
        "sessions_per_week",
        later("Sessions prescribed"),
        "number",
        10,
        "Sessions a week in the prescription of that Monday.",
    ),
    Column(
        "bout_credit_min",
        later("Creditable minutes in bouts"),
        "number",
        10,
        "Minutes in the target zone within qualifying bouts; under a rating, logged ones.",
    ),
    Column(
        "weekly_min",
        later("Minutes prescribed"),
        "number",
        10,
        "Minutes a week in the prescription of that Monday.",
    ),
    Column("attendance", later("Attendance"), "percent", 12, "Days with a session / prescribed."),
    Column("rdi", later("Relative dose"), "percent", 9, "Creditable / prescribed minutes."),
    Column(
        "adherence_pct",
        later("Adherence, %"),
        "done_pct",
        10,
        "The lowest of the parts prescribed, which the next four columns show.",
    ),
    *[
        Column(f"{part}_pct", heading, "done_pct", 10, meaning)
        for part, (heading, meaning) in PARTS.items()
    ],
    Column("wear_min", later("Wear, minutes"), "number", 10, "Held heart-rate time of the week."),
    Column("valid_days", later("Valid days"), "count", 7, "Days with enough wear."),
    Column("state_shown", later("State"), "text", 18, "Met, not met, or cannot be judged."),
    Column("reason_shown", later("Reason"), "text", 22, "Why a week cannot be judged."),
    *JUDGED_BY,
    Column(
        "input_sha256",
        later("Input hash (SHA-256)"),
        "hash",
        44,
        "SHA-256 over exactly what the row was computed from.",
    ),
)

EXCLUSIONS = (
    *WHO_AND_WHEN,
    Column("reason_shown", later("Reason"), "text", 24, "Why the week cannot be judged."),
    Column("wear_min", later("Wear, minutes"), "number", 10, "Held heart-rate time of the week."),
    Column("valid_days", later("Valid days"), "count", 8, "Days with enough wear."),
    Column(
        "adherence_pct",
        later("Adherence, %"),
        "done_pct",
        10,
        "What was recorded all the same; it counts nowhere.",
    ),
    Column(
        "input_sha256",
        later("Input hash (SHA-256)"),
        "hash",
        44,
        "SHA-256 over exactly what the row was computed from.",
    ),
)

DEFINITIONS = (
    Column("term", later("Term"), "text", 24, "The figure, in the reader's language."),
    Column("chinese", later("Chinese"), "wrapped", 46, "The definition in Chinese."),
    Column("english", later("English"), "wrapped", 60, "The definition in English."),
    Column("values", later("Values in force"), "wrapped", 26, "The thresholds as configured."),
)

COVER = (
    later("Night (last day counted)"),
    later("Period"),
    later("Revision"),
    later("Data committed until"),
    later("Batches"),
    later("Readings committed"),
    later("Readings in quarantine"),
    later("Messages refused"),
    later("Patients"),
    later("Enrolled patient-weeks"),
    later("Of these over and judged"),
    later("Share of weeks judged"),
    later("Method version"),
    later("Conventions (SHA-256)"),
    later("Data of this workbook (SHA-256)"),
    later("Audit trail: newest sealed block (SHA-256)"),
    later("Prepared by"),
    later("Reviewed by"),
)
"""The labels of the cover, in order."""

TABLES: Mapping[str, tuple[Column, ...]] = {
    later("By centre"): CENTRES,
    later("By doctor"): DOCTORS,
    later("By patient"): PATIENTS,
    later("Detail"): DETAIL,
    later("Exclusions"): EXCLUSIONS,
    later("Definitions"): DEFINITIONS,
}
"""Every sheet behind the cover, by its English name."""
