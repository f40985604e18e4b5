"""The rows of the payment sheets, out of lines: sums that add up, and words for codes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from adherence.states import CANNOT_JUDGE, EXCUSES, MET
from config.schemes import FLAGS, ROLES
from reports.payment.content import ITEMS, STATES, Line, WeekBehind
from reports.payment.evaluate import lowest_of
from reports.workbook import payment_words, words
from reports.workbook.content import Content, Payment
from reports.workbook.words import shown

Text = Callable[[str], str]
Row = Mapping[str, object]

_NOTHING = Decimal("0.00")


def summary_rows(content: Content, payment: Payment, text: Text) -> Iterator[Row]:
    """Yield a row for each month, scheme, item and unit: all, every centre, every doctor.

    A unit with nothing to count keeps its row.
    """
    units = [
        ("all", None, None, content.patients.height),
        *_units(content, "centre"),
        *_units(content, "doctor"),
    ]
    groups: dict[tuple[object, ...], list[Line]] = {}
    for line in payment.lines:
        groups.setdefault((line.month, line.scheme_key, line.scheme_version), []).append(line)
    for _group, lines in sorted(groups.items(), key=lambda group: str(group[0])):
        for item in ITEMS:
            of_item = [line for line in lines if line.item == item]
            for unit, code, name, patients in units:
                mine = [line for line in of_item if _is_of(line, unit, code)]
                yield _when(lines[0], payment, text) | {
                    "item_shown": shown(payment_words.ITEMS, item, text),
                    "unit": shown(payment_words.UNITS, unit, text),
                    "code": code,
                    "name": name,
                    "patients": patients,
                    **_sums(mine),
                    "exclusions_shown": _exclusions(mine, text),
                    "signed_by": lines[0].signed_by,
                }


def _units(content: Content, unit: str) -> list[tuple[str, str | None, str | None, int]]:
    rows = content.centres if unit == "centre" else content.doctors
    counts = dict(content.patients.group_by(f"{unit}_code").len().iter_rows())
    return [(unit, code, name, counts.get(code, 0)) for code, name in rows.iter_rows()]


def _is_of(line: Line, unit: str, code: str | None) -> bool:
    return unit == "all" or code == (line.centre_code if unit == "centre" else line.doctor_code)


def _sums(lines: Sequence[Line]) -> dict[str, object]:
    amounts = {
        state: sum((x.amount for x in lines if x.state == state), _NOTHING) for state in STATES
    }
    counts = {state: sum(x.state == state for x in lines) for state in STATES}
    numerator, denominator = sum(x.numerator for x in lines), sum(x.denominator for x in lines)
    payable = [x for x in lines if x.state == "payable"]
    return {
        "payable_lines": counts["payable"],
        "eligible": len(lines),
        "on_hold": counts["on_hold"],
        "shown_not_paid": counts["shown_not_paid"],
        "nothing": counts["nothing"],
        "numerator": numerator,
        "denominator": denominator,
        "rate": numerator / denominator if denominator else None,
        "excluded": sum(sum(x.exclusions.values()) for x in lines),
        "payable": amounts["payable"],
        "held": amounts["on_hold"],
        "shown": amounts["shown_not_paid"],
        **{role: sum((x.shares[role] for x in payable), _NOTHING) for role in ROLES},
    }


def _exclusions(lines: Sequence[Line], text: Text) -> str | None:
    counts = {code: sum(x.exclusions.get(code, 0) for x in lines) for code in words.REASONS}
    said = (f"{shown(words.REASONS, code, text)} {n}" for code, n in counts.items() if n)
    return "; ".join(said) or None


def line_rows(payment: Payment, text: Text) -> Iterator[Row]:
    """Yield a row for each line, zero ones too."""
    for line in payment.lines:
        flags = (
            f"{shown(payment_words.LINE_REASONS, flag, text)} {minutes} min"
            for flag in FLAGS
            if (minutes := line.flags.get(flag))
        )
        reasons = (shown(payment_words.LINE_REASONS, code, text) or "" for code in line.reasons)
        yield _when(line, payment, text) | {
            **_who(line),
            "item_shown": shown(payment_words.ITEMS, line.item, text),
            "weeks": line.weeks,
            "numerator": line.numerator,
            "denominator": line.denominator,
            "rate": line.numerator / line.denominator if line.denominator else None,
            "exclusions_shown": _exclusions([line], text),
            "quantity": line.quantity,
            "unit_price": line.unit_price,
            "factor": line.factor,
            "cut": line.cut,
            "amount": line.amount,
            **{role: line.shares[role] for role in ROLES},
            "state_shown": shown(payment_words.LINE_STATES, line.state, text),
            "reasons_shown": "; ".join(reasons) or None,
            "flags_shown": "; ".join(flags) or None,
            "signed_by": line.signed_by,
            "input_sha256": line.input_sha256,
        }


def week_rows(payment: Payment, text: Text) -> Iterator[Row]:
    """Yield a row for each week behind a patient's lines, once: both items rest on the same."""
    rule = {(scheme.key, scheme.version): scheme.cannot_judge for scheme in payment.schemes}
    for line in payment.lines:
        if line.item != ITEMS[0]:
            continue
        counted = set(map(id, lowest_of(line.behind).values()))
        for week in line.behind:
            counts_as = "other_programme"
            if id(week) in counted:
                counts_as = _counts_as(week, rule.get((line.scheme_key, line.scheme_version)))
            yield _when(line, payment, text) | {
                **_who(line),
                "case_label": week.case_label,
                "week": week.week,
                "week_state": shown(words.STATES, week.state, text),
                "week_reason": shown(words.REASONS, week.reason, text),
                "counts_as": shown(payment_words.COUNTS_AS, counts_as, text),
                "formula": text(payment_words.YES)
                if week.zone_by_formula_under_beta_blocker
                else None,
                **{flag: week.flags_min.get(flag, 0) for flag in FLAGS},
                "prescription_version": week.prescription_version,
                "method_version": week.method_version,
                "input_sha256": week.input_sha256,
            }


def _counts_as(week: WeekBehind, cannot_judge: str | None) -> str:
    if week.state == MET:
        return "numerator"
    if week.state != CANNOT_JUDGE:
        return "denominator"
    stands = cannot_judge == "counts_as_not_met" and week.reason not in EXCUSES
    return "denominator" if stands else "left_out"


def _who(line: Line) -> dict[str, object]:
    return {
        "pseudonym": line.pseudonym,
        "doctor_code": line.doctor_code,
        "centre_code": line.centre_code,
    }


def _when(line: Line, payment: Payment, text: Text) -> dict[str, object]:
    state = payment.period_states.get(line.month, "open")
    return {
        "month": line.month,
        "period_state": shown(payment_words.PERIOD_STATES, state, text),
        "scheme": f"{line.scheme_key} v{line.scheme_version}",
    }
