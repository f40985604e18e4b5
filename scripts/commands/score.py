"""`adhere score`: the method on files, for an analyst or an auditor."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from config.language import _

if TYPE_CHECKING:
    import polars as pl

EXIT_SOME_REFUSED = 3
"""Results were written, but not for every case; the same code as for refused data elsewhere."""


def score(
    *,
    hr: Annotated[Path, typer.Option(help=_("Heart rate: person, ts, hr. Parquet or CSV."))],
    cases: Annotated[Path, typer.Option(help=_("Prescriptions: one row a case."))],
    out: Annotated[Path, typer.Option(help=_("Folder for people, days, bouts and weeks."))],
    steps: Annotated[
        Path | None, typer.Option(help=_("Steps by minute: person, ts, steps."))
    ] = None,
    time_zone: Annotated[
        str, typer.Option(help=_("The site's time zone, for times without one."))
    ] = "Asia/Shanghai",
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))] = False,
) -> None:
    """Compute days, bouts and weeks from recorded files, by the conventions of the method.

    Ends with 3 where a case was refused: the others are written, and refused.parquet says why.
    """
    from config.conventions import load_conventions
    from scripts.score.cases import SECTION_13
    from scripts.score.inputs import read_inputs
    from scripts.score.results import published, write_tables
    from scripts.score.stages import judged
    from scripts.score.stages import score as run_core
    from scripts.score.times import known_zone

    conventions = load_conventions()
    inputs = read_inputs(hr, steps, cases, zone=known_zone(time_zone), conventions=conventions)
    scored = run_core(inputs.samples, inputs.step_rows, inputs.cases, conventions)
    weeks = scored.weeks
    if set(SECTION_13) & set(inputs.cases.columns):
        weeks = judged(weeks, inputs.cases)
    tables = published(scored, weeks) | {"refused": inputs.refused}
    metadata = {
        "adhere.method_version": conventions.version,
        "adhere.input_sha256": inputs.sha256,
    }
    write_tables(tables, out, metadata)
    summary = {
        "method_version": conventions.version,
        "input_sha256": inputs.sha256,
        "out": str(out),
        "rows": {name: table.height for name, table in tables.items()},
        "without_figures": dict(tables["people"]["reason"].drop_nulls().value_counts().rows()),
        "refused": inputs.refused.to_dicts(),
    }
    if as_json:
        typer.echo(json.dumps(summary, default=str, ensure_ascii=False))
    else:
        _show(summary, tables, cases)
    if inputs.refused.height:
        raise typer.Exit(EXIT_SOME_REFUSED)


def _show(summary: dict[str, Any], tables: "dict[str, pl.DataFrame]", cases: Path) -> None:
    """Print the weeks as a table to a person, and one line per result to anything else.

    `cases` is the file whose cases may have been refused.
    """
    from scripts.score.reasons import in_words

    if sys.stdout.isatty():
        _show_weeks(tables["weeks"])
    for name, rows in summary["rows"].items():
        typer.echo(
            _("%(name)s: %(rows)d rows in %(path)s")
            % {"name": name, "rows": rows, "path": Path(summary["out"]) / f"{name}.parquet"}
        )
    for case in tables["people"].filter(tables["people"]["reason"].is_not_null()).to_dicts():
        typer.echo(
            _("case %(case)s has no figures: %(reason)s")
            % {"case": case["case"], "reason": in_words(case["reason"])},
            err=True,
        )
    for case in summary["refused"]:
        typer.echo(
            _("%(path)s: case %(case)s (row %(row)d) was refused: %(reason)s")
            % {
                "path": cases,
                "case": "?" if case["case"] is None else case["case"],
                "row": case["row"],
                "reason": case["reason"],
            },
            err=True,
        )


def _show_weeks(weeks: "pl.DataFrame") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    headings = (_("Case"), _("Week"), _("Sessions"), _("Minutes"), _("Adherence %"), _("State"))
    has_state = "state" in weeks.columns
    for heading in headings if has_state else headings[:-1]:
        table.add_column(heading)
    for week in weeks.iter_rows(named=True):
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
