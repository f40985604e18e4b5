"""The words of payable lines: items, states, reasons, signal flags."""

from collections.abc import Mapping

from config.language import later

ITEMS: Mapping[str, str] = {
    "base": later("base fee: monitoring"),
    "performance": later("performance: adherence"),
}

LINE_STATES: Mapping[str, str] = {
    "payable": later("payable"),
    "on_hold": later("on hold"),
    "shown_not_paid": later("shown, not paid"),
    "nothing": later("nothing due"),
}

LINE_REASONS: Mapping[str, str] = {
    "no_prescription": later("no prescription in the month"),
    "too_few_judged_weeks": later("too few judged weeks"),
    "rate_too_low": later("adherence rate below the pass mark"),
    "limit_reached": later("yearly limit reached"),
    "no_price": later("the scheme's price or factor is zero"),
    "beta_blocker_without_measured_max": later("beta-blocker without a measured maximum"),
    "no_sign_off": later("the scheme is not signed"),
    "still": later("effort without a step"),
    "lock": later("heart rate equal to cadence"),
    "shake": later("steps without a pulse's answer"),
    "fast": later("impossible cadence"),
}
"""Why a line is not payable; a signal flag reads the same as a reason and beside its minutes."""

PERIOD_STATES: Mapping[str, str] = {
    "open": later("not closed"),
    "closed": later("settled"),
}

COUNTS_AS: Mapping[str, str] = {
    "numerator": later("numerator and denominator"),
    "denominator": later("denominator only"),
    "left_out": later("left out"),
    "other_programme": later("another programme's week counts"),
}
"""What a week is in the adherence rate of its month."""

UNITS: Mapping[str, str] = {
    "all": later("all"),
    "centre": later("centre"),
    "doctor": later("doctor"),
}

YES = later("yes")
