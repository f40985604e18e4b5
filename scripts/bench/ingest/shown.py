"""What `adhere bench ingest` prints: to a person as tables, to a program as JSON."""

import statistics
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from config.language import _
from scripts.bench.ingest.figures import IngestFigures, PeerFigures, SizeFigures, Timed, reference

PARTS = ("server", "hub", "broker", "publisher", "client")
MILLION = 1_000_000


def as_json(figures: IngestFigures) -> dict[str, Any]:
    """Return the figures as plain values; at the top those of the reference."""
    chains = [_chain(size, workers) for size in figures.sizes for workers in size.chain]
    main = _reference(figures)
    workers = max(main.chain)
    fastest_peer = max((peer.rows_per_s for peer in figures.peers), default=None)
    chain_rows_per_s = main.rows_per_s(main.chain[workers])
    return {
        "server": figures.server,
        "broker": figures.broker,
        "copy_rows_per_s": round(main.rows_per_s(main.limit)),
        "chain_rows_per_s": round(chain_rows_per_s),
        "ratio": round(main.ratio(main.chain[workers]), 3),
        "readings_per_batch": main.load.per_batch,
        "workers": workers,
        "times_fastest_peer": (
            None if fastest_peer is None else round(chain_rows_per_s / fastest_peer, 1)
        ),
        "sizes": [_size(size) for size in figures.sizes],
        "chains": chains,
        "peers": [_peer(peer, chain_rows_per_s) for peer in figures.peers],
    }


def _reference(figures: IngestFigures) -> SizeFigures:
    by_size = {size.load.per_batch: size for size in figures.sizes}
    return by_size[reference(by_size)]


def _size(size: SizeFigures) -> dict[str, Any]:
    return {
        "readings_per_batch": size.load.per_batch,
        "readings": size.load.readings,
        "wire_bytes_a_reading": round(size.wire_bytes / size.load.readings, 2),
        "copy_rows_per_s": round(size.rows_per_s(size.limit)),
        "copy_cpu_s_a_million": _cpu(size, size.limit),
        "copy_rows_per_s_over": {
            str(connections): round(size.rows_per_s(runs))
            for connections, runs in size.limit_of.items()
        },
        "ledger_rows_per_s": round(size.rows_per_s(size.ledger)),
        "ledger_ratio": round(size.ratio(size.ledger), 3),
        "ledger_cpu_s_a_million": _cpu(size, size.ledger),
    }


def _chain(size: SizeFigures, workers: int) -> dict[str, Any]:
    runs = size.chain[workers]
    counted = {
        name: sum(run.counters.get(name, 0) for run in runs)
        for name in ("transactions", "duplicate", "repeated", "dropped")
    }
    return {
        "readings_per_batch": size.load.per_batch,
        "workers": workers,
        "copy_rows_per_s": round(size.rows_per_s(size.limit)),
        "chain_rows_per_s": round(size.rows_per_s(runs)),
        "ratio": round(size.ratio(runs), 3),
        "ratio_to_copy_over_as_many_connections": round(
            size.ratio(runs, size.limit_of.get(workers)), 3
        ),
        "cpu_s_a_million": _cpu(size, runs),
        "hub_cpu_s_a_million": {
            part: round(
                statistics.median(run.hub_parts_s[part] for run in runs)
                * MILLION
                / size.load.readings,
                3,
            )
            for part in runs[0].hub_parts_s
        },
        "rows_a_transaction": round(
            size.load.readings * len(runs) / max(1, counted["transactions"])
        ),
        **{name: counted[name] for name in ("duplicate", "repeated", "dropped")},
    }


def _peer(peer: PeerFigures, chain_rows_per_s: float) -> dict[str, Any]:
    return {
        "way": peer.way,
        "readings": peer.readings,
        "rows_per_s": round(peer.rows_per_s),
        "ours_is_times": (round(chain_rows_per_s / peer.rows_per_s, 1) if peer.readings else None),
    }


def _cpu(size: SizeFigures, runs: Sequence[Timed]) -> dict[str, float | None]:
    """Return processor seconds for a million readings, part by part (the median)."""
    parts: dict[str, float | None] = {}
    for part in PARTS:
        used = [run.cpu_s[part] for run in runs if part in run.cpu_s]
        known = [one for one in used if one is not None]
        if used:
            parts[part] = (
                round(statistics.median(known) * MILLION / size.load.readings, 3)
                if len(known) == len(used)
                else None
            )
    return parts


def show(figures: IngestFigures) -> None:
    """Print the tables."""
    said = as_json(figures)
    console = Console()
    console.print(f"{figures.server}, {figures.broker}")
    limits = _table(
        _("Readings a batch"),
        _("COPY, rows/s"),
        _("Ledger and COPY, rows/s"),
        _("of the limit"),
        _("Bytes a reading on the wire"),
    )
    for size in said["sizes"]:
        limits.add_row(
            f"{size['readings_per_batch']:,}",
            f"{size['copy_rows_per_s']:,}",
            f"{size['ledger_rows_per_s']:,}",
            f"{size['ledger_ratio']:.2f}",
            f"{size['wire_bytes_a_reading']:.2f}",
        )
    console.print(limits)
    chains = _table(
        _("Readings a batch"),
        _("Hubs"),
        _("Broker to receipt, rows/s"),
        _("of the limit"),
        _("Rows a transaction"),
        _("Server, s"),
        _("Hubs, s"),
        _("Broker, s"),
        _("Publisher, s"),
    )
    for chain in said["chains"]:
        cpu = chain["cpu_s_a_million"]
        chains.add_row(
            f"{chain['readings_per_batch']:,}",
            str(chain["workers"]),
            f"{chain['chain_rows_per_s']:,}",
            f"{chain['ratio']:.2f}",
            f"{chain['rows_a_transaction']:,}",
            *("?" if cpu[part] is None else f"{cpu[part]:.2f}" for part in PARTS[:-1]),
        )
    console.print(chains)
    console.print(_("Seconds are of a processor, for a million readings."))
    if said["peers"]:
        peers = _table(_("Subscriber"), _("Rows/s"), _("Ours is times"))
        for peer in said["peers"]:
            times = peer["ours_is_times"]
            peers.add_row(
                peer["way"],
                f"{peer['rows_per_s']:,}",
                _("it stored nothing") if times is None else f"{times:,.1f}",
            )
        console.print(peers)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
