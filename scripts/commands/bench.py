"""`adhere bench`: how fast the program is on this machine, with made-up people."""

import json
from typing import Annotated

import typer

from config.language import _
from scripts.bench.commands import district
from scripts.bench.terminal import AsJson, new_folder, progress

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure the program on this machine, with made-up people."""


@app.command()
def core(
    *,
    samples: Annotated[
        int, typer.Option(min=10_000, max=1_000_000_000, help=_("So many heart rates are made."))
    ] = 10_000_000,
    rounds: Annotated[
        int, typer.Option(min=1, max=100, help=_("So often each is run; the median counts."))
    ] = 3,
    as_json: AsJson = False,
) -> None:
    """Measure the whole method on files, against zones alone: the core's own, and DuckDB's.

    Each runs over the same files, in turn, in a process of its own, and their results are compared.
    """
    from scripts.bench import core_shown
    from scripts.bench.core import as_json as core_as_json
    from scripts.bench.core import check, needed_mb, run

    with new_folder() as folder, progress() as tell:
        words = {"mb": needed_mb(samples), "folder": folder}
        typer.echo(_("needs %(mb)d MB in %(folder)s for a while") % words, err=True)
        check(samples, folder)
        figures = run(samples, rounds, folder, tell)
    if as_json:
        typer.echo(json.dumps(core_as_json(figures)))
    else:
        core_shown.show(figures)


@app.command()
def night(
    *,
    people: Annotated[
        int, typer.Option(min=100, max=100_000, help=_("So many wear a band day and night."))
    ] = 4000,
    nights: Annotated[
        int, typer.Option(min=1, max=28, help=_("So many nights in which all have news."))
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Measure nights: new readings out of a database, recomputed and written back.

    An embedded PostgreSQL is filled by the hub's own way before; that takes longer than the rest.
    """
    from config.conventions import load_conventions
    from scripts.bench import night_shown
    from scripts.bench.night import run

    with new_folder() as folder, progress() as tell:
        figures = run(people, nights, folder / "postgres", load_conventions(), tell)
    if as_json:
        typer.echo(json.dumps(night_shown.as_json(figures)))
    else:
        night_shown.show(figures)


@app.command()
def gateway(
    *,
    bands: Annotated[int, typer.Option(min=2, max=250, help=_("So many bands in the room."))] = 200,
    linked: Annotated[
        int | None,
        typer.Option(min=0, max=250, help=_("So many of them need a link; left out: a fifth.")),
    ] = None,
    adapters: Annotated[
        int, typer.Option(min=1, max=32, help=_("Adapters that hear them; each holds its links."))
    ] = 8,
    heard_by: Annotated[
        int, typer.Option(min=1, max=32, help=_("So many of the adapters are in reach of a band."))
    ] = 1,
    minutes: Annotated[
        float, typer.Option(min=0.05, max=1440, help=_("So long, once everybody is heard."))
    ] = 10,
    as_json: AsJson = False,
) -> None:
    """Measure the gateway in a room full of virtual bands at 1 Hz.

    It runs in a process of its own, the uplink down; at the end every reading in its spool is
    compared with the book of what the bands said. Exit code 1: some are lost, doubled, changed.
    """
    import asyncio

    from scripts.bench import gateway_shown
    from scripts.bench.gateway import run
    from scripts.bench.made_room import RoomPlan

    to_link = bands // 5 if linked is None else min(linked, bands)
    plan = RoomPlan(
        adverts=bands - to_link,
        linked=to_link,
        adapters=adapters,
        heard_by=min(heard_by, adapters),
    )
    with new_folder() as folder, progress() as tell:
        figures = asyncio.run(run(plan, 60 * minutes, folder, tell))
    if as_json:
        typer.echo(json.dumps(gateway_shown.as_json(figures)))
    else:
        gateway_shown.show(figures)
    if not figures.account.agrees:
        raise typer.Exit(1)


@app.command()
def outage(
    *,
    days: Annotated[
        float, typer.Option(min=0.001, max=60, help=_("So long there is no network."))
    ] = 14,
    bands: Annotated[
        int, typer.Option(min=1, max=1000, help=_("So many bands, each a pulse a second."))
    ] = 40,
    piece_s: Annotated[
        int, typer.Option(min=1, max=600, help=_("So many seconds reach the disk as one."))
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Measure days without a network and the drain after them, as fast as both go.

    A hub of its own counts each reading by name. Exit code 1: some are lost, doubled, changed.
    """
    import asyncio

    from scripts.bench import outage_shown
    from scripts.bench.days_heard import Days
    from scripts.bench.outage import run

    what = Days(bands, round(86_400 * days), piece_s)
    typer.echo(outage_shown.budget(what), err=True)
    with new_folder() as folder, progress() as tell:
        figures = asyncio.run(run(what, folder, tell))
    if as_json:
        typer.echo(json.dumps(outage_shown.as_json(figures)))
    else:
        outage_shown.show(figures)
    if not figures.drained.is_whole:
        raise typer.Exit(1)


@app.command()
def chaos(
    *,
    kills: Annotated[
        int, typer.Option(min=0, max=100_000, help=_("So often a process is killed."))
    ] = 200,
    others: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=10_000,
            help=_("Full disk, flipped bytes, clock jumps: each so often; left out: by the kills."),
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help=_("Other moments, in another order."))] = 1,
    as_json: AsJson = False,
) -> None:
    """Kill, wipe, fill and corrupt the whole chain, and balance its accounts.

    An observer writes down every reading before it hands it over; at the end its ledger is compared
    with the database row by row. Exit code 1: they differ, and nobody has said so.
    """
    import asyncio

    from scripts.bench.chaos import shown
    from scripts.bench.chaos.run import Plan, run

    plan = Plan(kills, max(1, kills // 20) if others is None else others, seed)
    typer.echo(shown.budget(plan), err=True)
    with new_folder() as folder, progress() as tell:
        outcome = asyncio.run(run(plan, folder, tell))
    if as_json:
        typer.echo(json.dumps(shown.as_json(outcome)))
    else:
        typer.echo("\n".join(shown.lines(outcome)))
    if outcome.differences:
        raise typer.Exit(1)


app.add_typer(district.app)
