"""What a chaos run says: its budget before, its account after; to a person or to a program."""

from collections.abc import Iterator
from typing import Any

from config.language import _
from scripts.bench.chaos.faults import OTHERS
from scripts.bench.chaos.run import Outcome, Plan

NAMED_MOST = 20
"""Differences of one kind are named one by one up to so many; counted all."""


def budget(plan: Plan) -> str:
    """Say what is going to happen and what it takes."""
    return _(
        "%(kills)d kills, each of %(kinds)d other faults %(others)d times, seed %(seed)d: about "
        "%(minutes).0f minutes, %(readings)d readings, %(mb)d MB of disk."
    ) % {
        "kills": plan.kills,
        "kinds": len(OTHERS),
        "others": plan.others,
        "seed": plan.seed,
        "minutes": plan.seconds / 60,
        "readings": plan.readings,
        "mb": plan.disk_mb,
    }


def as_json(outcome: Outcome) -> dict[str, Any]:
    """Return everything as plain values; differences by name."""
    found, said = outcome.comparison, outcome.said
    return {
        "seed": outcome.plan.seed,
        "done": dict(outcome.done),
        "at_work": outcome.at_work,
        "seconds": round(outcome.seconds, 1),
        "broker": outcome.broker,
        "full_disk": outcome.full_disk,
        "handed": found.handed,
        "in_database": found.in_database,
        "missing": len(found.missing),
        "lost_by_the_gateways_word": said.lost,
        "lost_declared_to_the_district": found.declared,
        "lost_batches_by_the_gateways_word": said.lost_batches,
        "doubled": len(found.doubled),
        "changed": len(found.changed),
        "unknown": found.unknown,
        "corrected": found.corrected,
        "marked_clock_suspect": found.marked,
        "quarantined": dict(found.quarantined),
        "dead_letters": dict(found.dead_letters),
        "refused": said.refused,
        "left_in_spool": said.left,
        "spool_rebuilt": said.rebuilt,
        "restarts": dict(outcome.restarts),
        "differences": outcome.differences,
        "names": {
            "missing": [
                {"piece": piece.number, "device": one.device_key, "at_utc_ms": one.at_utc_ms}
                for piece, one in found.missing[:NAMED_MOST]
            ],
            "missing_pieces": sorted({piece.number for piece, _one in found.missing}),
            "missing_batches": found.seqs_missing,
            "put_aside": [list(row) for row in said.aside],
            "doubled": [list(pair) for pair in found.doubled[:NAMED_MOST]],
            "changed": [[list(a), list(b)] for a, b in found.changed[:NAMED_MOST]],
            "went_back": [list(pair) for pair in outcome.went_back],
        },
    }


def lines(outcome: Outcome) -> Iterator[str]:
    """Give the account as text for the terminal."""
    found, said = outcome.comparison, outcome.said
    for name, times in sorted(outcome.done.items()):
        yield f"{times:6}  {name}"
    yield _("%(seconds)d s; broker: %(broker)s; full disk: %(disk)s") % {
        "seconds": outcome.seconds,
        "broker": outcome.broker,
        "disk": outcome.full_disk,
    }
    yield _("handed over %(handed)d, in the database %(stored)d") % {
        "handed": found.handed,
        "stored": found.in_database,
    }
    yield _(
        "missing %(missing)d; the gateway names %(lost)d as lost in damaged rows, and has told the "
        "district of %(declared)d"
    ) % {"missing": len(found.missing), "lost": said.lost, "declared": found.declared}
    yield _("doubled %(doubled)d, changed %(changed)d, never handed over %(unknown)d") % {
        "doubled": len(found.doubled),
        "changed": len(found.changed),
        "unknown": found.unknown,
    }
    yield _("heard by a wrong clock: put right %(corrected)d, marked as doubtful %(marked)d") % {
        "corrected": found.corrected,
        "marked": found.marked,
    }
    for reason, count in (found.quarantined + found.dead_letters).items():
        yield f"{count:6}  {reason}"
    if outcome.differences:
        yield _("Differences nobody has named: %(names)s") % {
            "names": ", ".join(outcome.differences)
        }
    else:
        yield _("Ledger and database agree.")
