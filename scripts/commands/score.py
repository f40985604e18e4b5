"""`adhere score`: the method on files, for an analyst or an auditor."""

from pathlib import Path
from typing import Annotated

import typer

from config.language import _

EXIT_NOT_ALL = 3
"""Results were written, but not of everything; the same code as for refused data elsewhere."""


def score(
    *,
    hr: Annotated[
        Path,
        typer.Option(help=_("Heart rate: person, ts, hr. Parquet, CSV or a folder of Parquet.")),
    ],
    cases: Annotated[Path, typer.Option(help=_("Prescriptions: one row a case."))],
    out: Annotated[Path, typer.Option(help=_("Folder for people, days, bouts and weeks."))],
    steps: Annotated[
        Path | None, typer.Option(help=_("Steps by minute: person, ts, steps."))
    ] = None,
    sessions: Annotated[
        Path | None,
        typer.Option(
            help=_(
                "Session log: case, date, component; minutes, rpe, supervised_by may be left out."
            )
        ),
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help=_("The site's time zone, for times without one."))
    ] = "Asia/Shanghai",
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Compute days, bouts and weeks from recorded files, by the conventions of the method.

    Ends with 3 where a case was refused or a row left out: the rest is written, and
    refused.parquet and failures.parquet say what and why.
    """
    from scripts.score.memory import keep_for_the_next_block

    keep_for_the_next_block()
    from config.conventions import load_conventions
    from scripts.score import show
    from scripts.score.inputs import Files
    from scripts.score.run import run
    from scripts.score.times import known_zone

    files = Files(hr, steps, cases, sessions)
    with show.progress() as watch:
        outcome = run(
            files,
            out,
            zone=known_zone(time_zone),
            conventions=load_conventions(),
            watch=watch,
        )
    if as_json:
        typer.echo(show.as_json(outcome, out))
    else:
        show.show(outcome, files, out)
    if not outcome.is_all:
        raise typer.Exit(EXIT_NOT_ALL)
