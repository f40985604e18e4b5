"""The figures of `adhere bench core` as a person reads them."""

from rich.console import Console
from rich.table import Table

from config.language import _, later
from scripts.bench.core import DUCKDB, FULL, MB, ZONES, CoreFigures

NAMES = {
    FULL: later("the whole method, files to files"),
    ZONES: later("time in zones alone, the core's own"),
    DUCKDB: later("time in zones alone, DuckDB"),
}


def show(figures: CoreFigures) -> None:
    """Print a table; the whole method's speed stands beside the others' as a multiple of theirs."""
    made = figures.made
    title = _("%(samples)s samples and %(steps)s step counts of %(people)s people") % {
        "samples": f"{made.samples:,}",
        "steps": f"{made.step_rows:,}",
        "people": f"{made.people:,}",
    }
    table = Table(title=title)
    for heading in (
        _("What"),
        _("Seconds (median; all)"),
        _("M samples/s"),
        _("Peak MB"),
        _("Whole method : this"),
    ):
        table.add_column(heading)
    for name, cost in figures.costs.items():
        rounds = " ".join(f"{seconds:.2f}" for seconds in cost.seconds)
        table.add_row(
            _(NAMES[name]),
            f"{cost.median_s:.2f}; {rounds}",
            f"{figures.samples_per_s(name) / MB:.2f}",
            f"{cost.peak_rss_mb:.0f}",
            f"{figures.ratio_to(name):.2f}",
        )
    console = Console()
    console.print(table)
    console.print(
        _("All agree: zones of %(same)d people to the ms, of the others but for dropped samples")
        % {"same": figures.compared}
    )
