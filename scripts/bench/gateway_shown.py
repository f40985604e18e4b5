"""The figures of `adhere bench gateway`: to a person as a table, to a program as JSON."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from scripts.bench.gateway import RoomFigures

MOST_CPU_SHARE, MOST_RSS_MB, MOST_LATENCY_S = 0.10, 120.0, 1.0
"""What is to be reached: of one core by the gateway itself, MiB, from a reading to the spool."""


def as_json(figures: RoomFigures) -> dict[str, Any]:
    """Return the figures as plain values."""
    account = figures.account
    return {
        "bands": figures.plan.adverts + figures.plan.linked,
        "linked": figures.plan.linked,
        "adapters": figures.plan.adapters,
        "heard_by": figures.plan.heard_by,
        "seconds": round(figures.seconds, 1),
        "sent": account.sent,
        "stored": account.stored,
        "lost": account.lost,
        "doubled": account.doubled,
        "changed": account.changed,
        "sent_per_s": round(figures.sent_per_s, 1),
        "cpu_share": round(figures.cpu_share, 4),
        "rss_mb": round(figures.rss_mb, 1),
        "latency_p50_s": figures.latency_p50_s,
        "latency_p99_s": figures.latency_p99_s,
        "latency_most_s": figures.latency_most_s,
        "heard_p99_s": round(account.heard_p99_s, 3),
        "come_in_s": round(figures.come_in_s, 1),
        "links_opened": figures.status["radio"]["links_opened"],
        "readings_judged": figures.status["edge"]["readings_judged"],
    }


def show(figures: RoomFigures) -> None:
    """Print each figure beside its aim."""
    account, plan = figures.account, figures.plan
    title = _(
        "%(bands)d bands at 1 Hz, %(linked)d of them linked, %(adapters)d adapters, %(s)d s"
    ) % {
        "bands": plan.adverts + plan.linked,
        "linked": plan.linked,
        "adapters": plan.adapters,
        "s": figures.seconds,
    }
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (_("What"), _("Figure"), _("Aim")):
        table.add_column(heading)
    table.add_row(_("readings sent"), f"{account.sent:,}", "")
    table.add_row(_("readings in the spool"), f"{account.stored:,}", f"{account.sent:,}")
    table.add_row(_("lost"), str(account.lost), "0")
    table.add_row(_("doubled, changed"), f"{account.doubled}, {account.changed}", "0, 0")
    table.add_row(
        _("share of one core"),
        f"{100 * figures.cpu_share:.1f} %",
        f"< {100 * MOST_CPU_SHARE:.0f} %",
    )
    table.add_row(_("memory at most"), f"{figures.rss_mb:.0f} MB", f"< {MOST_RSS_MB:.0f} MB")
    table.add_row(
        _("reading to spool, p50, p99, most"),
        f"{figures.latency_p50_s:.2f}, {figures.latency_p99_s:.2f}, {figures.latency_most_s:.2f} s",
        f"p99 < {MOST_LATENCY_S:.0f} s",
    )
    table.add_row(_("on the air to reading, p99"), f"{account.heard_p99_s:.3f} s", "")
    Console().print(table)
