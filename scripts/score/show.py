"""What became of the files, for the person who asked or the program."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import typer

from config.language import _
from scripts.score.inputs import Files
from scripts.score.reasons import in_words, refusal, without_weeks
from scripts.score.run import Outcome, Watch

SHOWN = 20
"""Weeks, or cases with the same fault, that a person is shown; all stand in the files."""


@contextmanager
def progress() -> Iterator[Watch]:
    """Show a bar to a person, nothing to a program."""
    if not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(_("looking through the files"), total=None)

        def watch(done: int, rows: int) -> None:
            words = _("computing") if done < rows else _("writing the results")
            bar.update(task, description=words, completed=done, total=max(rows, 1))

        yield watch


def as_json(outcome: Outcome, out: Path) -> str:
    """Return the summary for a program, as one object."""
    found = outcome.found
    return json.dumps(
        {key.removeprefix("adhere."): value for key, value in outcome.metadata.items()}
        | {
            "out": str(out),
            "rows": outcome.rows,
            "without_figures": _counts(outcome.without_figures["reason"]),
            "refused": outcome.refused.to_dicts(),
            "without_weeks": outcome.weekless.to_dicts(),
            "unknown": found.unknown.to_dicts(),
            "failures": found.failures.to_dicts(),
        },
        default=str,
        ensure_ascii=False,
    )


def _counts(reasons: pl.Series) -> dict[str, int]:
    return dict(sorted(reasons.value_counts().rows()))


def show(outcome: Outcome, files: Files, out: Path) -> None:
    """Print the results to a person; everything left out or refused goes to standard error."""
    found = outcome.found
    if sys.stdout.isatty():
        _show_weeks(pl.scan_parquet(out / "weeks.parquet"), outcome.rows["weeks"])
    for name, rows in outcome.rows.items():
        typer.echo(
            _("%(name)s: %(rows)d rows in %(path)s")
            % {"name": name, "rows": rows, "path": out / f"{name}.parquet"}
        )
    for failure in found.told:
        typer.echo(_("left out: %(failure)s") % {"failure": failure}, err=True)
    silent = outcome.without_figures.join(outcome.refused, on="case", how="anti")
    _tell(
        [
            _("case %(case)s has no figures: %(reason)s")
            % {"case": case["case"], "reason": in_words(case["reason"])}
            for case in silent.head(SHOWN).to_dicts()
        ],
        silent.height,
        out / "people.parquet",
    )
    _tell(
        [without_weeks(files.cases, case) for case in outcome.weekless.head(SHOWN).to_dicts()],
        outcome.weekless.height,
        files.cases,
    )
    _tell(
        [refusal(files.cases, case) for case in outcome.refused.head(SHOWN).to_dicts()],
        outcome.refused.height,
        out / "refused.parquet",
    )


def _tell(sentences: list[str], count: int, path: Path) -> None:
    """Print the first sentences, and where all `count` cases stand."""
    for sentence in sentences:
        typer.echo(sentence, err=True)
    if count > len(sentences):
        words = {"count": count - len(sentences), "path": path}
        typer.echo(_("and %(count)d more cases: see %(path)s") % words, err=True)


def _show_weeks(weeks: pl.LazyFrame, rows: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    headings = (_("Case"), _("Week"), _("Sessions"), _("Minutes"), _("Adherence %"), _("State"))
    has_state = "state" in weeks.collect_schema().names()
    for heading in headings if has_state else headings[:-1]:
        table.add_column(heading)
    for week in weeks.head(SHOWN).collect().iter_rows(named=True):
        cells = [
            str(week["case"]),
            str(week["week"]),
            str(week["complete_sessions"]),
            f"{week['bout_credit_min']:.0f}",
            f"{week['adherence_pct']:.0f}",
        ]
        if has_state:
            cells.append(" ".join(filter(None, (week["state"], week["reason"]))))
        table.add_row(*cells)
    Console().print(table)
    if rows > SHOWN:
        typer.echo(_("the first %(shown)d of %(rows)d weeks") % {"shown": SHOWN, "rows": rows})
