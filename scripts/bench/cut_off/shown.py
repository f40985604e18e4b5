"""What `adhere bench cut-off` says: lines for a person, JSON for a program."""

from collections.abc import Iterator
from typing import Any

from config.language import _
from scripts.bench.cut_off.run import Outcome


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything as plain values."""
    return {
        "cut_s": outcome.plan.cut_s,
        "resend_s": outcome.plan.resend_s,
        "keepalive_s": outcome.plan.keepalive_s,
        "broker": outcome.broker,
        "batches": outcome.batches,
        "stored": outcome.stored,
        "stored_by_the_one_cut_off": outcome.by_hub[0],
        "stored_by_the_other": outcome.by_hub[1],
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "dead_letters": outcome.dead_letters,
        "sent_again": outcome.sent_again,
        "longest_s": round(outcome.longest_s, 2),
        "missed_s": _rounded(outcome.missed_s),
        "took_over_s": _rounded(outcome.took_over_s),
        "back_s": _rounded(outcome.back_s),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)


def lines(outcome: Outcome) -> Iterator[str]:
    """Yield what a person reads."""
    yield _("%(broker)s; one of two hubs cut off for %(cut).0f s") % {
        "broker": outcome.broker,
        "cut": outcome.plan.cut_s,
    }
    yield _(
        "%(batches)d batches sent, %(stored)d stored (%(mine)d by the hub cut off, %(other)d by "
        "the other); readings lost %(lost)d, doubled %(doubled)d; dead letters %(letters)d"
    ) % {
        "batches": outcome.batches,
        "stored": outcome.stored,
        "mine": outcome.by_hub[0],
        "other": outcome.by_hub[1],
        "lost": outcome.lost,
        "doubled": outcome.doubled,
        "letters": outcome.dead_letters,
    }
    yield _("%(count)d sent again; the longest wait for a receipt %(longest).1f s") % {
        "count": outcome.sent_again,
        "longest": outcome.longest_s,
    }
    times = {
        _("the broker missed the hub after %(seconds).1f s"): outcome.missed_s,
        _("the other hub published the rosters after %(seconds).1f s"): outcome.took_over_s,
        _("once mended, the hub had its share again after %(seconds).1f s"): outcome.back_s,
    }
    for words, seconds in times.items():
        if seconds is not None:
            yield words % {"seconds": seconds}
