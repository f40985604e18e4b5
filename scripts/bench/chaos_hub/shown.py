"""What a chaos run of the district side says: to a person as lines, to a program as JSON."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from config.language import _
from scripts.bench.chaos_hub.run import BACK_S, Outcome, Plan

FAULT_S, REST_S = 4.5, 40.0
"""What a fault takes with the calm before it, about; and all the rest."""


def budget(plan: Plan) -> str:
    """Say what is going to happen and how long it takes."""
    return _("%(faults)d faults, seed %(seed)d, %(workers)d hubs: about %(minutes).0f minutes.") % {
        "faults": plan.faults,
        "seed": plan.seed,
        "workers": plan.workers,
        "minutes": (REST_S + plan.faults * FAULT_S) / 60,
    }


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything as plain values."""
    account = outcome.account
    return {
        "seed": outcome.plan.seed,
        "workers": outcome.plan.workers,
        "broker": outcome.broker,
        "done": dict(outcome.done),
        "seconds": round(outcome.seconds, 1),
        "batches": outcome.batches,
        "sent": account.sent,
        "stored": account.stored,
        "lost": account.lost,
        "doubled": account.doubled,
        "changed": account.changed,
        "dead_letters": account.dead_letters,
        "receipts_checked": outcome.receipts_checked,
        "receipts_ahead_of_commits": outcome.receipts_ahead,
        "unreceipted": outcome.unreceipted,
        "sent_again": outcome.sent_again,
        "restarts": dict(outcome.restarts),
        "back_s": _back(outcome),
        "differences": outcome.differences,
    }


def _back(outcome: Outcome) -> dict[str, float]:
    if not outcome.back_s:
        return {}
    return {
        "p50": round(float(np.median(outcome.back_s)), 2),
        "most": round(max(outcome.back_s), 2),
        "to_reach": BACK_S,
    }


def lines(outcome: Outcome) -> Iterator[str]:
    """Give the account as text for the terminal."""
    account = outcome.account
    for name, times in sorted(outcome.done.items()):
        yield f"{times:6}  {name}"
    yield _("%(sent)d readings sent in %(batches)d batches, %(stored)d stored") % {
        "sent": account.sent,
        "batches": outcome.batches,
        "stored": account.stored,
    }
    yield _("lost %(lost)d, doubled %(doubled)d, changed %(changed)d, dead letters %(letters)d") % {
        "lost": account.lost,
        "doubled": account.doubled,
        "changed": account.changed,
        "letters": account.dead_letters,
    }
    yield _("receipts %(receipts)d, of them before their commit %(ahead)d") % {
        "receipts": outcome.receipts_checked,
        "ahead": outcome.receipts_ahead,
    }
    for name, seconds in _back(outcome).items():
        yield _("back after a fault, %(which)s: %(seconds).1f s") % {
            "which": name,
            "seconds": seconds,
        }
    if outcome.differences:
        yield _("What does not hold: %(names)s") % {"names": ", ".join(outcome.differences)}
    else:
        yield _("All accounts agree.")
