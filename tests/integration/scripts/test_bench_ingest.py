"""`adhere bench ingest`: all of it is real, every reading arrives, and what it prints adds up."""

import json

import pytest
from typer.testing import CliRunner

from scripts.commands.bench import app
from tests.mosquitto import installed

READINGS = 3_000


@pytest.fixture(scope="module")
def figures():
    installed()
    words = ["ingest", "--readings", str(READINGS), "--batches-of", "60", "--batches-of", "600"]
    words += ["--workers", "1", "--rounds", "1", "--peer-readings", "300", "--json"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_the_figures_at_the_top_are_those_of_600_readings_a_batch(figures):
    (chain,) = (one for one in figures["chains"] if one["readings_per_batch"] == 600)
    assert figures["readings_per_batch"] == 600
    assert figures["workers"] == 1
    for name in ("copy_rows_per_s", "chain_rows_per_s", "ratio"):
        assert figures[name] == chain[name] > 0


def test_every_size_has_its_limit_its_ledger_and_its_chain(figures):
    assert [size["readings_per_batch"] for size in figures["sizes"]] == [60, 600]
    assert [size["readings"] for size in figures["sizes"]] == [READINGS, READINGS]
    for size in figures["sizes"]:
        assert size["copy_rows_per_s"] > 0
        assert size["ledger_rows_per_s"] > 0
    assert figures["sizes"][0]["wire_bytes_a_reading"] > figures["sizes"][1]["wire_bytes_a_reading"]


def test_the_processor_time_is_said_for_every_process(figures):
    for chain in figures["chains"]:
        assert chain["cpu_s_a_million"].keys() == {"server", "hub", "broker", "publisher"}
        assert None not in chain["cpu_s_a_million"].values()
        assert chain["hub_cpu_s_a_million"]["verify"] > 0
        assert (chain["duplicate"], chain["dropped"]) == (0, 0)


def test_other_subscribers_store_the_same_readings_and_ours_is_a_multiple_of_theirs(figures):
    assert [(peer["way"], peer["readings"]) for peer in figures["peers"]] == [
        ("one", 30),
        ("many", 300),
        ("copy", 300),
    ]
    assert all(peer["ours_is_times"] > 0 for peer in figures["peers"])
