"""The figures of `adhere bench outage`: budget, table, JSON."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from scripts.bench.days_heard import Days
from scripts.bench.outage import QUOTA_MB, OutageFigures, budget_mb, budget_s

LEAST_TIMES_REAL_TIME = 20


def budget(days: Days) -> str:
    """Say what is going to happen and what it takes."""
    return _(
        "%(readings)s readings of %(bands)d bands over %(days).2f days: about %(minutes).0f "
        "minutes, %(mb)d MB of disk."
    ) % {
        "readings": f"{days.readings:,}",
        "bands": days.bands,
        "days": days.seconds / 86_400,
        "minutes": budget_s(days) / 60,
        "mb": budget_mb(days),
    }


def as_json(figures: OutageFigures) -> dict[str, Any]:
    """Return the figures as plain values."""
    drained = figures.drained
    return {
        "bands": figures.days.bands,
        "days": round(figures.days.seconds / 86_400, 3),
        "piece_s": figures.days.piece_s,
        "readings": figures.days.readings,
        "fill_s": round(figures.fill_s, 2),
        "fill_per_s": round(figures.fill_per_s),
        "disk_mb": round(figures.disk_mb, 1),
        "disk_promised_mb": QUOTA_MB,
        "bytes_a_reading": round(figures.bytes_a_reading, 3),
        "drain_s": round(drained.seconds, 2),
        "drain_per_s": round(figures.drain_per_s),
        "times_real_time": round(figures.times_real_time),
        "counted": drained.counted,
        "lost": drained.missing,
        "doubled": drained.doubled,
        "changed": drained.changed,
        "batches": drained.batches,
        "deliveries": drained.deliveries,
        "cpu_fill_s": round(figures.cpu_fill_s, 1),
        "cpu_drain_s": round(figures.cpu_drain_s, 1),
        "rss_mb": round(figures.rss_mb, 1),
        "broker": figures.broker,
    }


def show(figures: OutageFigures) -> None:
    """Print each figure beside its aim."""
    drained = figures.drained
    table = Table(title=budget_title(figures), box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (_("What"), _("Figure"), _("Aim")):
        table.add_column(heading)
    table.add_row(
        _("to disk, no network"), f"{figures.fill_s:.1f} s; {figures.fill_per_s:,.0f}/s", ""
    )
    table.add_row(
        _("disk used"),
        f"{figures.disk_mb:.0f} MB; {figures.bytes_a_reading:.2f} B",
        f"< {QUOTA_MB} MB",
    )
    table.add_row(_("to the hub"), f"{drained.seconds:.1f} s; {figures.drain_per_s:,.0f}/s", "")
    table.add_row(
        _("times real time"), f"{figures.times_real_time:,.0f}", f">= {LEAST_TIMES_REAL_TIME}"
    )
    table.add_row(_("lost"), str(drained.missing), "0")
    table.add_row(_("doubled, changed"), f"{drained.doubled}, {drained.changed}", "0, 0")
    table.add_row(_("memory at most"), f"{figures.rss_mb:.0f} MB", "< 120 MB")
    Console().print(table)


def budget_title(figures: OutageFigures) -> str:
    """Say what was run."""
    return _("%(readings)s readings; broker: %(broker)s") % {
        "readings": f"{figures.days.readings:,}",
        "broker": figures.broker,
    }
