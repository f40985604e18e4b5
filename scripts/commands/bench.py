"""`adhere bench`: how fast the program is on this machine, with made-up people."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from config.language import _

app = typer.Typer(add_completion=False, no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]


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

    with _new_folder() as folder, _progress() as progress:
        words = {"mb": needed_mb(samples), "folder": folder}
        typer.echo(_("needs %(mb)d MB in %(folder)s for a while") % words, err=True)
        check(samples, folder)
        figures = run(samples, rounds, folder, progress)
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

    with _new_folder() as folder, _progress() as progress:
        figures = run(people, nights, folder / "postgres", load_conventions(), progress)
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
    with _new_folder() as folder, _progress() as progress:
        figures = asyncio.run(run(plan, 60 * minutes, folder, progress))
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
    with _new_folder() as folder, _progress() as progress:
        figures = asyncio.run(run(what, folder, progress))
    if as_json:
        typer.echo(json.dumps(outage_shown.as_json(figures)))
    else:
        outage_shown.show(figures)
    if not figures.drained.is_whole:
        raise typer.Exit(1)


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
    with _new_folder() as folder, _progress() as progress:
        figures = run(plan, dsn, folder, progress)
    if as_json:
        typer.echo(json.dumps(shown.as_json(figures)))
    else:
        shown.show(figures)


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
    with _new_folder() as folder, _progress() as progress:
        outcome = asyncio.run(run(plan, folder, progress))
    if as_json:
        typer.echo(json.dumps(shown.as_json(outcome)))
    else:
        typer.echo("\n".join(shown.lines(outcome)))
    if outcome.differences:
        raise typer.Exit(1)


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
    with _new_folder() as folder, _progress() as progress:
        figures = asyncio.run(run(plan, folder, progress))
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
    with _new_folder() as folder, _progress() as progress:
        outcome = asyncio.run(run(plan, folder, progress))
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

    with _new_folder() as folder, _progress() as progress:
        figures = run(people, days, folder, load_conventions(), progress)
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

    with _new_folder() as folder, _progress() as progress:
        outcome = run(Plan(seconds), folder, progress)
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
    dsn: Annotated[
        str | None,
        typer.Option(
            envvar="ADHERE_BENCH_DSN",
            help=_("A server on which databases may be made; left out: an embedded one."),
        ),
    ] = None,
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

    with _new_folder() as folder, _progress() as progress:
        found = run(folder, dsn, hours, progress)
    if as_json:
        typer.echo(json.dumps(bytes_as_json(found)))
    else:
        show(found)


@app.command()
def backup(
    *,
    dsn: Annotated[
        str | None,
        typer.Option(
            envvar="ADHERE_BENCH_DSN",
            help=_("A server on which databases may be made; left out: an embedded one."),
        ),
    ] = None,
    readings: Annotated[
        int, typer.Option(min=10_000, max=1_000_000_000, help=_("About so many are stored."))
    ] = 10_000_000,
    as_json: AsJson = False,
) -> None:
    """Measure a backup of made-up nights, and what a restore of it takes."""
    from scripts.bench.backup import as_json as backup_as_json
    from scripts.bench.backup import run, show

    with _new_folder() as folder, _progress() as progress:
        measured = run(folder, dsn, readings, progress)
    if as_json:
        typer.echo(json.dumps(backup_as_json(measured)))
    else:
        show(measured)
    if not measured.drilled.passed:
        raise typer.Exit(1)


@contextmanager
def _new_folder() -> Iterator[Path]:
    """Yield a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="adhere-bench-") as name:
        if os.geteuid() == 0:
            # The database runs as another account then, and has to pass through here.
            Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar for what is under way where a person watches; yield how to move it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("", total=1)
        yield lambda what, done: bar.update(task, description=what, completed=done)
