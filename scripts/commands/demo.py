"""`adhere demo`: made-up patients through the whole chain, to the doctor's and payer's pages."""

import json
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.language import _, language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.show.result import Shown


@contextmanager
def _kept_in(folder: Path | None) -> "Iterator[Path]":
    """Yield the folder, or one that is removed at the end."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="adhere-demo-") as name:
        if os.geteuid() == 0:
            # The database runs as another account then, and has to pass through here. Everything
            # inside is private to its owner.
            Path(name).chmod(0o711)
        yield Path(name)


def demo(
    *,
    serve: Annotated[
        bool | None,
        typer.Option(
            "--serve/--no-serve",
            help=_("Keep the pages up until Ctrl-C; left out: where a person watches."),
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help=_("Keep spools, database and logs in this new folder.")),
    ] = None,
    report_dir: Annotated[Path, typer.Option(help=_("Folder of the workbook."))] = Path(
        "adhere-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help=_("Other patients' lives."))] = 1,
    live_s: Annotated[
        float, typer.Option(min=40, max=3600, help=_("Length of the live minute, seconds."))
    ] = 60,
    every_week: Annotated[
        bool, typer.Option("--every-week", help=_("A line for each patient and week."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Show the whole chain here: 24 made-up patients, from their bands to doctor and payer.

    Five weeks enter at the gateways, then one minute is live: bands on a virtual radio, one pulse
    above its ceiling. Everything runs on this machine, from installed packages.
    """
    from datetime import UTC, datetime

    from config.conventions import load_conventions
    from scripts.replay.session import EXIT_DIFFERENT, EXIT_INTERRUPTED
    from scripts.show import answer, tables
    from scripts.show.minding import Interrupted
    from scripts.show.run import Options
    from scripts.show.session import run
    from scripts.show.weeks import first_monday

    conventions = load_conventions()
    monday = first_monday(datetime.now(UTC), conventions.time_zone)
    serves = (sys.stdout.isatty() and not as_json) if serve is None else serve

    def then(shown: "Shown") -> None:
        if as_json:
            typer.echo(json.dumps(answer.as_json(shown), ensure_ascii=False))
        else:
            tables.show(shown, every_week=every_week)
        if serves:
            tables.show_links(shown)
        sys.stdout.flush()

    options = Options(report_dir=report_dir, language=language(), live_s=live_s)
    try:
        with _kept_in(data) as folder:
            shown = run(
                monday,
                seed=seed,
                folder=folder,
                options=options,
                conventions=conventions,
                then=then,
                serve=serves,
            )
    except Interrupted:
        typer.echo(_("Stopped."), err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    for fault in shown.faults:
        typer.echo(fault, err=True)
    if shown.faults:
        raise typer.Exit(EXIT_DIFFERENT)
