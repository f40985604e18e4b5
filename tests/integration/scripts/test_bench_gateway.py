"""`adhere bench gateway`: the short form, and that its account notices what is missing."""

import json

import pytest
from typer.testing import CliRunner

from ingest.batch.reading import Quantity, Reading
from ingest.gateway.run import SPOOL_FILE
from ingest.gateway.spool import Spool
from scripts.bench.box import Box
from scripts.bench.gateway import account_of
from scripts.commands.bench import app

BANDS = 20
NOON_UTC_MS = 1_767_268_800_000


@pytest.fixture(scope="module")
def figures():
    done = CliRunner().invoke(
        app,
        [
            *("gateway", "--bands", str(BANDS), "--adapters", "2", "--heard-by", "2"),
            *("--minutes", "0.1", "--json"),
        ],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_what_the_bands_said_is_in_the_spool_once_though_two_adapters_hear_it(figures):
    assert figures["stored"] == figures["sent"]
    assert (figures["lost"], figures["doubled"], figures["changed"]) == (0, 0, 0)
    assert figures["sent"] > BANDS * 6, "each said more than one reading a second"


def test_links_are_open_and_every_pulse_was_judged_at_the_edge(figures):
    assert figures["links_opened"] == figures["linked"] == BANDS // 5
    assert figures["readings_judged"] > BANDS * 6


def test_the_costs_are_of_a_process_that_did_something(figures):
    assert 0 < figures["cpu_share"] < 1
    assert figures["rss_mb"] > 20
    assert 0 < figures["latency_p50_s"] <= figures["latency_p99_s"] <= figures["latency_most_s"]


def said(count, bpm=60):
    return [[NOON_UTC_MS + 1000 * second, bpm + second] for second in range(count)]


def stored(*pairs):
    return [Reading("c0", Quantity.HEART_RATE_BPM, float(bpm), at) for at, bpm in pairs]


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        (stored(*said(5)), (0, 0, 0)),
        (stored(*said(5)[:-1]), (1, 0, 0)),
        (stored(*said(5), *said(1)), (0, 1, 4)),
        (stored(*said(4), (NOON_UTC_MS + 4000, 99)), (0, 0, 1)),
        (stored(*[(at - 100, bpm) for at, bpm in said(5)]), (0, 0, 5)),
    ],
    ids=["all", "one lost", "one twice", "another pulse", "heard before it was said"],
)
def test_the_account_names_lost_doubled_and_changed(tmp_path, readings, expected):
    box = Box(tmp_path / "box", tmp_path / "gateway.toml", 9)
    box.make()
    with Spool(box.folder / SPOOL_FILE, box.keys.spool_tag_key(), quota_pages=1000) as spool:
        spool.append(readings, lane="live")
    book = {"C0": {"sent": {"heart_rate_bpm": 5}, "pulses": said(5)}}

    account = account_of(book, box)

    assert (account.lost, account.doubled, account.changed) == expected
    assert account.agrees == (expected == (0, 0, 0))
