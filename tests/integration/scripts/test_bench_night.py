"""`adhere bench night`: it runs, and what it prints adds up."""

import json

import pytest
from typer.testing import CliRunner

from scripts.commands.bench import app

PEOPLE = 100


@pytest.fixture(scope="module")
def figures():
    done = CliRunner().invoke(
        app, ["night", "--people", str(PEOPLE), "--nights", "1", "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_everybody_has_a_night_then_a_tenth_then_a_hundredth(figures):
    assert [night["people"] for night in figures["nights"]] == [PEOPLE, 10, 1]
    assert figures["night"] == figures["nights"][0]


def test_a_heart_rate_a_minute_one_a_second_in_exercise_and_steps_by_minute(figures):
    night = figures["night"]
    half = PEOPLE // 2
    assert night["samples"] == PEOPLE * 1440 + half * (40 * 60 - 40)
    assert night["step_rows"] == PEOPLE * 1440
    assert night["rows_written"] >= 2 * PEOPLE  # a day and a week of everybody at least


def test_late_news_of_few_reads_their_day_and_the_minutes_around_it(figures):
    one = figures["nights"][-1]
    assert 1440 <= one["samples"] < 1440 + 40 * 60 + 60
    assert figures["stored"] > figures["night"]["samples"] + figures["night"]["step_rows"]


def test_shares_are_of_the_whole(figures):
    for night in figures["nights"]:
        assert sum(night["shares"].values()) == pytest.approx(1, abs=0.01)
        assert night["seconds"] > 0
        assert night["peak_rss_mb"] > 50
