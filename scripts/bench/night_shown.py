"""What `adhere bench night` prints: to a person as a table, to a program as JSON."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from scripts.bench.night import PARTS, NightCost, NightFigures


def as_json(figures: NightFigures) -> dict[str, Any]:
    """Return the figures as plain values; `night` is everybody's last one."""
    return {
        "people": figures.people,
        "night": _one(figures.whole),
        "nights": [_one(night) for night in figures.nights],
        "stored": figures.stored,
        "stored_per_s": round(figures.stored / figures.storing_seconds),
    }


def _one(night: NightCost) -> dict[str, Any]:
    return {
        "date": str(night.night),
        "people": night.people,
        "patient_days": night.done.patient_days,
        "samples": night.done.samples,
        "step_rows": night.done.step_rows,
        "rows_written": night.done.days + night.done.bouts + night.done.weeks,
        "seconds": round(night.seconds, 3),
        "cpu_seconds": None if night.cpu_seconds is None else round(night.cpu_seconds, 2),
        "ms_a_person": round(1000 * night.seconds / night.people, 3),
        "shares": {part: round(share, 3) for part, share in night.shares.items()},
        "peak_rss_mb": round(night.peak_rss_mb),
    }


def show(figures: NightFigures) -> None:
    """Print a row for each night."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    headings = (
        _("Night"),
        _("With news"),
        _("Days computed"),
        _("Readings"),
        _("Seconds"),
        _("of them reading"),
        _("computing"),
        _("writing"),
        _("ms a person"),
        _("Peak MB"),
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for night in figures.nights:
        shares = night.shares
        table.add_row(
            str(night.night),
            str(night.people),
            str(night.done.patient_days),
            f"{night.readings:,}",
            f"{night.seconds:.2f}",
            *(f"{100 * shares[part]:.0f} %" for part in PARTS),
            f"{1000 * night.seconds / night.people:.2f}",
            f"{night.peak_rss_mb:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(
        _("Stored before: %(stored)d readings, %(speed)d a second.")
        % {"stored": figures.stored, "speed": figures.stored / figures.storing_seconds}
    )
