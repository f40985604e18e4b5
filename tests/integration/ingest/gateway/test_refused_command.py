"""`adhere gateway refused`: an operator looks at what the hub has refused, and gives it up."""

import json

import pytest
from typer.testing import CliRunner

from config.errors import Misconfigured
from config.gateway_settings import GatewaySettings
from ingest.batch.keys import load_keys, make_keys, save_keys
from ingest.batch.receipt import Receipt
from ingest.gateway import KEY_FILE
from ingest.gateway.clock import ContentClock
from ingest.gateway.opened_spool import opened_spool
from ingest.gateway.run import SPOOL_FILE
from ingest.gateway.sealing import sealer
from ingest.gateway.spool import Spool
from scripts.gateway.refused import app
from tests.integration.ingest.gateway.conftest import pulses


@pytest.fixture
def stopped(tmp_path):
    """Settings of a box that does not run; two of its batches are refused, one waits."""
    data = tmp_path / "box"
    data.mkdir(mode=0o700)
    save_keys(data / KEY_FILE, make_keys())
    settings = tmp_path / "gateway.toml"
    settings.write_text(
        f'centre = "centre"\ngateway = "hall-1"\ndata_dir = "{data}"\n'
        '[broker]\nhost = "127.0.0.1"\n',
        "utf-8",
    )
    keys = load_keys(data / KEY_FILE)
    make = sealer(centre="centre", gateway="hall-1", keys=keys, clock=ContentClock())
    with Spool(data / SPOOL_FILE, keys.spool_tag_key(), quota_pages=10_000) as spool:
        hashes = []
        for first in (0, 5, 10):
            spool.append(pulses(5, first), lane="backlog")
            hashes.append(spool.seal("backlog", max_chunks=8, make=make).sha256)
        refused = tuple((seq, hashes[seq], "forked_spool") for seq in (0, 1))
        spool.batches.settle(Receipt("centre", "hall-1", spool.boot, 0, (), refused))
    return settings


def run(*words, **options):
    return CliRunner().invoke(app, list(map(str, words)), **options)


def left(settings):
    result = run("list", "--settings", settings, "--json")
    assert result.exit_code == 0
    return [one["seq"] for one in json.loads(result.output)]


def test_what_was_refused_is_listed_with_its_reason(stopped):
    result = run("list", "--settings", stopped)

    assert [line.split(",")[0] for line in result.output.splitlines()] == [
        "0: 5 readings",
        "1: 5 readings",
    ]
    assert "forked_spool" in result.output


def test_one_batch_is_given_up_and_the_other_stays(stopped):
    result = run("release", 1, "--settings", stopped, "--yes")

    assert result.exit_code == 0
    assert "5 readings" in result.output
    assert left(stopped) == [0]


def test_nothing_is_given_up_without_a_yes(stopped):
    result = run("release", "--all", "--settings", stopped, input="n\n")

    assert result.exit_code == 1
    assert left(stopped) == [0, 1]


@pytest.mark.parametrize("words", [(), (0, "--all"), (2,), (7,)])
def test_what_cannot_be_meant_gives_up_nothing(stopped, words):
    result = run("release", *words, "--settings", stopped, "--yes")

    assert isinstance(result.exception, Misconfigured)
    assert left(stopped) == [0, 1]


def test_a_running_gateway_keeps_its_spool_to_itself(stopped):
    data = stopped.parent / "box"
    settings = GatewaySettings.model_validate(
        {"centre": "centre", "gateway": "hall-1", "data_dir": data, "broker": {"host": "::1"}}
    )
    with opened_spool(settings):
        result = run("list", "--settings", stopped)

    assert isinstance(result.exception, Misconfigured)


def test_a_box_that_never_ran_says_so(stopped):
    (stopped.parent / "box" / SPOOL_FILE).unlink()

    assert isinstance(run("list", "--settings", stopped).exception, Misconfigured)
    assert not (stopped.parent / "box" / SPOOL_FILE).exists()
