"""`adhere bench outage`: the short form, and that its count notices what is missing."""

import json

import pytest
from typer.testing import CliRunner

from ingest.batch.columns import Chunk, Columns, chunk_of, readings_of
from ingest.batch.content import Content
from scripts.bench.counting_hub import Count
from scripts.bench.days_heard import PULSES, Days
from scripts.commands.bench import app

BANDS, SECONDS = 40, 3_600


@pytest.fixture(scope="module")
def figures():
    done = CliRunner().invoke(
        app,
        ["outage", "--days", str(SECONDS / 86_400), "--bands", str(BANDS), "--json"],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_what_was_heard_without_a_network_arrives_once_when_it_is_back(figures):
    assert figures["counted"] == figures["readings"] == BANDS * SECONDS
    assert (figures["lost"], figures["doubled"], figures["changed"]) == (0, 0, 0)


def test_it_waited_on_disk_within_what_is_promised(figures):
    assert 0 < figures["disk_mb"] < figures["disk_promised_mb"]
    assert figures["fill_per_s"] > 0


PIECE_S = 60
DAYS = Days(bands=3, seconds=2 * PIECE_S, piece_s=PIECE_S)


def batch(readings):
    chunk = chunk_of(readings)
    return Content(1, "c", "g", bytes(16), 0, None, 0, 0, chunk.devices, chunk.columns)


def heard(first_s):
    return list(readings_of(DAYS.chunk(first_s, DAYS.pulses())))


def counted(*batches):
    count = Count(DAYS)
    for readings in batches:
        count.take(batch(readings))
    account = count.account()
    return account["missing"], account["doubled"], account["changed"]


def test_all_of_it_once_is_whole():
    assert counted(heard(0), heard(PIECE_S)) == (0, 0, 0)


def test_each_difference_is_counted_as_what_it_is():
    first, second = heard(0), heard(PIECE_S)
    other = second[7]._replace(value=second[7].value + 1)

    assert counted(first, second[1:]) == (1, 0, 0)
    assert counted(first, second, second[:2]) == (0, 2, 0)
    assert counted(first, [*second[:7], other, *second[8:]]) == (1, 0, 1)
    assert counted(first, [*second, second[0]._replace(device_key="stranger")]) == (0, 0, 1)
    assert counted(first, [*second, second[0]._replace(at_utc_ms=1)]) == (0, 0, 1)


def test_a_piece_holds_a_reading_of_each_band_and_second():
    days = Days(bands=5, seconds=PIECE_S + 1)
    chunk = days.chunk(PIECE_S, days.pulses())

    assert isinstance(chunk, Chunk)
    assert isinstance(chunk.columns[0], Columns)
    assert [reading.device_key for reading in readings_of(chunk)] == list(chunk.devices)


def test_what_a_band_says_goes_on_where_its_pulses_begin_again():
    days = Days(bands=2, seconds=2 * PULSES)
    pulses = days.pulses()

    said = days.chunk(PULSES - 1, pulses).columns[0].value

    assert list(said) == [*pulses[-2:], *pulses[: len(said) - 2]]
