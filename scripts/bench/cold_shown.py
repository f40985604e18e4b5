"""What `adhere bench cold` prints to a person."""

from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from scripts.bench.cold import ColdFigures


def show(figures: ColdFigures) -> None:
    """Print the steps, and what a reading takes."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in (_("Step"), _("Seconds"), _("Readings a second"), _("Peak MB")):
        table.add_column(heading, justify="right")
    names = {
        "export": _("export"),
        "verify": _("compare files and tables"),
        "from_tables": _("compute from the tables"),
        "from_files": _("compute from the files"),
    }
    for name, step in figures.steps.items():
        table.add_row(
            names[name],
            f"{step.seconds:.1f}",
            f"{figures.readings / step.seconds:,.0f}",
            f"{step.peak_rss_mb:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(
        _(
            "%(readings)d readings: %(files).2f bytes each in files, %(tables).1f in the tables; "
            "%(index).3f to find them."
        )
        % {
            "readings": figures.readings,
            "files": figures.file_bytes / figures.readings,
            "tables": figures.table_bytes / figures.readings,
            "index": figures.index_bytes / figures.readings,
        }
    )
    console.print(
        _("Both came to the same results.")
        if figures.is_same
        else _("Files and tables did not come to the same results.")
    )
