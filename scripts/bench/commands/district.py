"""The part of `adhere bench` that measures the district side: broker, hubs, database, archive."""

import json
from pathlib import Path
from typing import Annotated

import typer

from config.language import _
from scripts.bench.terminal import AsJson, new_folder, progress

app = typer.Typer()

ServerDsn = Annotated[
    str | None,
    typer.Option(
        envvar="ADHERE_BENCH_DSN",
        help=_("A server on which databases may be made; left out: an embedded one."),
    ),
]


@app.command()
def ingest(
    *,
    readings: Annotated[
        int, typer.Option(min=1_000, max=50_000_000, help=_("About so many in each run."))
    ] = 1_200_000,
    batches_of: Annotated[
        list[int] | None,
        typer.Option(min=1, max=20_000, help=_("Readings in a batch; several are tried in turn.")),
    ] = None,
    workers: Annotated[
        list[int] | None,
        typer.Option(min=1, max=16, help=_("So many hubs; several are tried in turn.")),
    ] = None,
    rounds: Annotated[
        int, typer.Option(min=1, max=100, help=_("So often each is run; the median counts."))
    ] = 3,
    dsn: Annotated[
        str | None,
        typer.Option(
            envvar="ADHERE_BENCH_DSN",
            help=_("A server to work on, in a new database; left out: an embedded one."),
        ),
    ] = None,
    peer_readings: Annotated[
        int, typer.Option(min=0, max=1_000_000, help=_("So many for other subscribers; 0: none."))
    ] = 60_000,
    esphome_ingestor: Annotated[
        Path | None,
        typer.Option(help=_("The mqtt-ingestor of another environment, to be measured as well.")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the way from the broker to committed rows against COPY of the same rows.

    mosquitto, `adhere hub` and PostgreSQL are real, and so are the batches: signed and encrypted.
    """
    from scripts.bench.ingest import shown
    from scripts.bench.ingest.run import Plan, run

    plan = Plan(
        readings=readings,
        per_batch=batches_of or (60, 600, 6000),
        workers=workers or (1, 2),
        rounds=rounds,
        peer_readings=peer_readings,
        esphome_ingestor=esphome_ingestor,
    )
    with new_folder() as folder, progress() as tell:
        figures = run(plan, dsn, folder, tell)
    if as_json:
        typer.echo(json.dumps(shown.as_json(figures)))
    else:
        shown.show(figures)


@app.command()
def live(
    *,
    bands: Annotated[int, typer.Option(min=40, max=100_000, help=_("So many are worn."))] = 5000,
    gateways: Annotated[int, typer.Option(min=1, max=1000, help=_("So many hear them."))] = 40,
    backlog: Annotated[
        int, typer.Option(min=0, max=1_000_000_000, help=_("Readings of history; 0: none."))
    ] = 10_000_000,
    seconds: Annotated[
        int, typer.Option(min=5, max=86_400, help=_("So long without the backlog."))
    ] = 60,
    workers: Annotated[int, typer.Option(min=1, max=16, help=_("So many hubs."))] = 1,
    seal_after_s: Annotated[
        float, typer.Option(min=0.5, max=60, help=_("A gateway sends this often, seconds."))
    ] = 4.0,
    as_json: AsJson = False,
) -> None:
    """Measure from a live reading to its commit and to the alert others see, for a whole town.

    First alone, then while every gateway sends a history as fast as receipts allow. Exit code 1:
    readings are lost or doubled, or an alarm that was due never came.
    """
    import asyncio

    from scripts.bench.live import shown
    from scripts.bench.live.run import Plan, run

    plan = Plan(
        bands=bands,
        gateways=min(gateways, bands),
        backlog=backlog,
        a_batch=6000,
        seconds=seconds,
        workers=workers,
        alarms_a_s=4,
        seal_after_s=seal_after_s,
    )
    with new_folder() as folder, progress() as tell:
        figures = asyncio.run(run(plan, folder, tell))
    if as_json:
        typer.echo(json.dumps(shown.as_json(figures)))
    else:
        shown.show(figures)
    missed = figures.alone.missed + (figures.beside.missed if figures.beside else 0)
    if missed or figures.sent != figures.stored:
        raise typer.Exit(1)


@app.command()
def chaos_hub(
    *,
    faults: Annotated[int, typer.Option(min=1, max=100_000, help=_("So many faults fall."))] = 200,
    seed: Annotated[int, typer.Option(min=0, help=_("Other moments, in another order."))] = 1,
    workers: Annotated[int, typer.Option(min=1, max=16, help=_("So many hubs."))] = 2,
    as_json: AsJson = False,
) -> None:
    """Kill, wipe, fill and starve the district side while halls send, and balance its accounts.

    Hubs, broker and database server are killed, the database's disk is filled (root), all its
    connections are taken. Exit code 1: a reading is lost, doubled or changed, a receipt came before
    its commit, or the service was not back within a minute.
    """
    import asyncio

    from scripts.bench.chaos_hub import shown
    from scripts.bench.chaos_hub.run import Plan, run

    plan = Plan(faults, seed, workers)
    typer.echo(shown.budget(plan), err=True)
    with new_folder() as folder, progress() as tell:
        outcome = asyncio.run(run(plan, folder, tell))
    if as_json:
        typer.echo(json.dumps(shown.as_json(outcome)))
    else:
        typer.echo("\n".join(shown.lines(outcome)))
    if outcome.differences:
        raise typer.Exit(1)


@app.command()
def cold(
    *,
    people: Annotated[
        int, typer.Option(min=10, max=100_000, help=_("So many wear a band day and night."))
    ] = 400,
    days: Annotated[int, typer.Option(min=1, max=28, help=_("So many local days of them."))] = 2,
    as_json: AsJson = False,
) -> None:
    """Measure the archive: bytes a reading, export, comparison, and a night out of files.

    Exit code 1: files and tables did not come to the same results.
    """
    from config.conventions import load_conventions
    from scripts.bench import cold_shown
    from scripts.bench.cold import as_json as cold_as_json
    from scripts.bench.cold import run

    with new_folder() as folder, progress() as tell:
        figures = run(people, days, folder, load_conventions(), tell)
    if as_json:
        typer.echo(json.dumps(cold_as_json(figures)))
    else:
        cold_shown.show(figures)
    if not figures.is_same:
        raise typer.Exit(1)


@app.command()
def cut_off(
    *,
    seconds: Annotated[
        int, typer.Option(min=1, max=3600, help=_("So long is the cable out."))
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Cut one of two hubs off from broker and database for a while, and balance the accounts.

    Each runs in a network namespace of its own (root). Exit code 1: a reading is lost or doubled.
    """
    from scripts.bench.cut_off import shown
    from scripts.bench.cut_off.run import Plan, run

    with new_folder() as folder, progress() as tell:
        outcome = run(Plan(seconds), folder, tell)
    if as_json:
        typer.echo(json.dumps(shown.as_json(outcome)))
    else:
        for line in shown.lines(outcome):
            typer.echo(line)
    if outcome.lost or outcome.doubled or outcome.dead_letters:
        raise typer.Exit(1)


@app.command("bytes")
def bytes_(
    *,
    dsn: ServerDsn = None,
    hours: Annotated[
        float, typer.Option(min=0.05, max=24, help=_("Of forty bands at one reading a second."))
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Measure how many bytes a reading takes in messages and in the database.

    Only a server with TimescaleDB compresses.
    """
    from scripts.bench.bytes import as_json as bytes_as_json
    from scripts.bench.bytes import run, show

    with new_folder() as folder, progress() as tell:
        found = run(folder, dsn, hours, tell)
    if as_json:
        typer.echo(json.dumps(bytes_as_json(found)))
    else:
        show(found)


@app.command()
def backup(
    *,
    dsn: ServerDsn = None,
    readings: Annotated[
        int, typer.Option(min=10_000, max=1_000_000_000, help=_("About so many are stored."))
    ] = 10_000_000,
    as_json: AsJson = False,
) -> None:
    """Measure a backup of made-up nights, and what a restore of it takes."""
    from scripts.bench.backup import as_json as backup_as_json
    from scripts.bench.backup import run, show

    with new_folder() as folder, progress() as tell:
        measured = run(folder, dsn, readings, tell)
    if as_json:
        typer.echo(json.dumps(backup_as_json(measured)))
    else:
        show(measured)
    if not measured.drilled.passed:
        raise typer.Exit(1)
