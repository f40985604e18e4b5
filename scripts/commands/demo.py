"""`adhere demo`: made-up patients through the whole chain."""

import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.language import _, language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.replay.recording import Recording


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
    data: Annotated[
        Path | None,
        typer.Option(help=_("Keep spools and database in this folder; left out: in none.")),
    ] = None,
    report_dir: Annotated[Path, typer.Option(help=_("Folder of the workbook."))] = Path(
        "adhere-demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help=_("Other patients' lives."))] = 1,
    time_zone: Annotated[
        str, typer.Option(help=_("The zone whose last five complete weeks are shown."))
    ] = "Asia/Shanghai",
    every_week: Annotated[
        bool, typer.Option("--every-week", help=_("A line for each patient and week."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Show the whole chain here: 24 made-up patients, five weeks, from band to workbook.

    Everything runs on this machine, from installed packages: database, broker, gateways, hub.
    """
    from datetime import UTC, datetime

    from config.conventions import load_conventions
    from scripts.replay import session, show
    from scripts.replay.run import Interrupted, Options
    from scripts.replay.virtual import first_monday, virtual_recording
    from scripts.score.times import known_zone

    monday = first_monday(datetime.now(UTC), known_zone(time_zone))

    def read() -> "Recording":
        return virtual_recording(monday, seed)

    options = Options(report_dir=report_dir, language=language())
    try:
        with _kept_in(data) as folder:
            replayed = session.run(read, folder, options, load_conventions())
    except Interrupted:
        typer.echo(_("Stopped."), err=True)
        raise typer.Exit(session.EXIT_INTERRUPTED) from None
    if as_json:
        typer.echo(json.dumps(show.as_json(replayed), ensure_ascii=False))
    else:
        show.show_demo(replayed, every_week=every_week)
    if not replayed.is_sound:
        raise typer.Exit(session.EXIT_DIFFERENT)
