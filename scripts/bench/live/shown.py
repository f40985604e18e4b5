"""What `adhere bench live` prints: to a person as a table, to a program as JSON."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from scripts.bench.live.run import Figures, Latency, Phase


def as_json(figures: Figures) -> dict[str, Any]:
    """Return the figures as plain values."""
    plan = figures.plan
    return {
        "bands": plan.bands,
        "gateways": plan.gateways,
        "workers": plan.workers,
        "seal_after_s": plan.seal_after_s,
        "broker": figures.broker,
        "alone": _phase(figures.alone),
        "beside_backlog": None if figures.beside is None else _phase(figures.beside),
        "backlog_readings": plan.backlog,
        "backlog_readings_per_s": _drain(figures),
        "times_real_time": _times(figures),
        "sent": figures.sent,
        "stored": figures.stored,
        "sent_again": figures.sent_again,
    }


def _drain(figures: Figures) -> int | None:
    return None if figures.beside is None else round(figures.plan.backlog / figures.beside.seconds)


def _times(figures: Figures) -> float | None:
    """Return how much faster than it was said the backlog went, all bands at 1 Hz."""
    drain = _drain(figures)
    return None if drain is None else round(drain / figures.plan.bands, 1)


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "seconds": round(phase.seconds, 1),
        "reading_to_commit": _latency(phase.to_commit),
        "reading_to_alert": _latency(phase.to_alert),
        "alarms_missed": phase.missed,
    }


def _latency(one: Latency) -> dict[str, Any]:
    if not one.count:
        return {"count": 0}
    return {
        "count": one.count,
        "p50_s": round(one.p50_s, 3),
        "p99_s": round(one.p99_s, 3),
        "most_s": round(one.most_s, 3),
    }


def show(figures: Figures) -> None:
    """Print a row for each way and phase."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (_("From a reading"), _("How many"), "p50 s", "p99 s", _("Most, s")):
        table.add_column(heading, justify="right")
    phases = [(_("alone"), figures.alone)]
    if figures.beside is not None:
        phases.append((_("beside a backlog"), figures.beside))
    for name, phase in phases:
        for to, one in ((_("to its commit"), phase.to_commit), (_("to the alert"), phase.to_alert)):
            cells = (f"{value:.2f}" for value in (one.p50_s, one.p99_s, one.most_s))
            table.add_row(f"{to}, {name}", f"{one.count:,}", *cells)
    console = Console()
    console.print(table)
    words = {"sent": figures.sent, "stored": figures.stored, "again": figures.sent_again}
    console.print(
        _("%(sent)d readings sent, %(stored)d stored; %(again)d batches sent twice.") % words
    )
    if figures.beside is not None:
        console.print(
            _("The backlog: %(speed)d readings a second, %(times).0f times as fast as they came.")
            % {"speed": _drain(figures) or 0, "times": _times(figures) or 0}
        )
