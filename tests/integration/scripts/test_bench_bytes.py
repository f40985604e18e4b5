"""`adhere bench bytes`: what a reading takes, on the wire and on disk, is what is promised."""

import json

import pytest
from typer.testing import CliRunner

from scripts.commands.bench import app


@pytest.fixture(params=["plain", "timescale"])
def figures(request):
    given = []
    if request.param == "timescale":
        dsn, _template = request.getfixturevalue("timescale")
        given = ["--dsn", dsn]
    else:
        given = ["--dsn", request.getfixturevalue("postgres").dsn]
    done = CliRunner().invoke(app, ["bytes", "--hours", "0.2", "--json", *given])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_a_reading_takes_few_bytes_and_scattered_times_take_more(figures):
    whole_seconds = figures["wire"][0]

    assert whole_seconds["jitter_ms"] == 0
    assert whole_seconds["600"] <= 3
    assert whole_seconds["6000"] < whole_seconds["600"] < whole_seconds["60"]
    sizes = [one["600"] for one in figures["wire"]]
    assert sizes == sorted(sizes)
    assert len({one["readings"] for one in figures["disk"]}) == 1
    assert all(40 < one["rows"] < 200 for one in figures["disk"])
    for one in figures["disk"]:
        if one["server"] == "plain":
            assert one["compressed"] is None
        else:
            assert one["compressed"] < one["rows"] / 5
