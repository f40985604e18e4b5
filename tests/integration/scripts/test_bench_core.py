"""`adhere bench core`: three ways to the time in zones agree, and what is measured is said."""

import json
import shutil
import sys
from types import SimpleNamespace

import polars as pl
import pytest

from config.errors import Misconfigured
from scripts.bench import core
from scripts.bench.contenders import CONTENDERS, zones_of
from scripts.bench.core import Different, compare
from scripts.bench.made_recording import KINDS, make
from tests.recordings import adhere

KEYS = {
    "samples",
    "samples_per_s",
    "duckdb_samples_per_s",
    "ratio",
    "zones_samples_per_s",
    "zones_ratio",
    "peak_rss_mb",
}


def test_the_core_is_measured_against_zones_alone_on_the_same_files():
    figures = adhere("bench", "core", "--samples", "40000", "--rounds", "1", "--json")

    assert figures.keys() >= KEYS
    assert (figures["samples"], figures["rounds"]) == (40_000, 1)
    assert 0 < figures["same_zones"] <= figures["people"]
    assert figures["samples_per_s"] > 0
    assert figures["ratio"] == pytest.approx(
        figures["samples_per_s"] / figures["duckdb_samples_per_s"]
    )
    assert figures["zones_ratio"] == pytest.approx(
        figures["samples_per_s"] / figures["zones_samples_per_s"]
    )
    assert 50 < figures["peak_rss_mb"] < 2000


def test_a_person_is_told_the_needed_disk_before_and_the_figures_as_a_table_after():
    shown = adhere("bench", "core", "--samples", "10000", "--rounds", "1", COLUMNS="120")

    assert "10,000 samples" in shown
    assert "All agree" in shown


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    return make(folder, 250_001, seed=4)


def test_the_made_recording_is_sorted_and_half_of_it_is_of_each_kind(made):
    beats = pl.read_parquet(made.hr / "*.parquet")

    assert beats.height == made.samples == 250_001
    assert beats.select("person", "ts").equals(beats.select("person", "ts").sort("person", "ts"))
    apart = beats.group_by("person").agg(every=pl.col("ts").diff().dt.total_seconds().median())
    every = dict(apart.rows())
    halves = beats.group_by(pl.col("person").replace_strict(every)).len().sort("person")
    assert halves.rows() == [(kind.every_s, 125_001 - number) for number, kind in enumerate(KINDS)]


def test_the_made_people_have_what_bands_do_wrong_and_exercise(made):
    beats = pl.read_parquet(made.hr / "*.parquet")

    assert beats.select(pl.struct("person", "ts").is_duplicated().sum()).item() > 10
    assert (beats["hr"] == 0).sum() > 10
    assert beats["hr"].quantile(0.999) > 100
    assert pl.read_parquet(made.steps / "*.parquet")["steps"].max() > 100
    assert pl.read_parquet(made.cases)["person"].n_unique() == made.people


def test_the_same_seed_makes_the_same_recording(made, tmp_path):
    again = make(tmp_path, 250_001, seed=4)

    for name in ("hr", "steps"):
        one, two = (pl.read_parquet(m.folder / name / "*.parquet") for m in (made, again))
        assert one.equals(two)


@pytest.fixture
def zones(tmp_path):
    """Two people, of one of whom a sample was dropped; all three contenders agree."""
    pl.DataFrame({"person": ["a", "b"], "n_in": [9, 9], "n_kept": [9, 8]}).write_parquet(
        tmp_path / "figures.parquet"
    )
    frame = pl.DataFrame({"person": ["a", "b"]} | {zone: [1000, 2000] for zone in core.ZONE_MS})
    for name in CONTENDERS:
        frame.write_parquet(zones_of(tmp_path, name))
    return tmp_path, frame


def test_people_of_whom_nothing_was_dropped_agree_to_the_millisecond(zones):
    folder, frame = zones
    assert compare(folder) == 1

    off = pl.when(pl.col("person") == "a").then(1).otherwise(0)
    frame.with_columns(pl.col("light_ms") + off).write_parquet(zones_of(folder, "duckdb"))

    with pytest.raises(Different, match="duckdb: 1 people"):
        compare(folder)


def test_a_dropped_sample_accounts_for_two_minutes_and_no_more(zones):
    folder, frame = zones
    is_b = (pl.col("person") == "b").cast(pl.Int64)

    frame.with_columns(pl.col("light_ms") + 120_000 * is_b).write_parquet(zones_of(folder, "zones"))
    assert compare(folder) == 1

    frame.with_columns(pl.col("light_ms") + 120_001 * is_b).write_parquet(zones_of(folder, "zones"))
    with pytest.raises(Different):
        compare(folder)


def test_a_person_that_one_of_them_does_not_know_is_told(zones):
    folder, frame = zones
    frame.head(1).write_parquet(zones_of(folder, "zones"))

    with pytest.raises(Different, match="zones: 1 people"):
        compare(folder)


def test_without_the_other_database_it_is_said_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "duckdb", None)
    monkeypatch.setattr(core, "find_spec", lambda _name: None)

    with pytest.raises(Misconfigured, match=r"pip install '\.\[bench\]'"):
        core.check(10_000, tmp_path)


def test_without_room_nothing_is_begun(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))

    with pytest.raises(Misconfigured, match="take fewer --samples or set TMPDIR"):
        core.check(1_000_000, tmp_path)


def test_what_is_printed_for_a_program_is_json_alone(tmp_path):
    figures = adhere(
        *("bench", "core", "--samples", "10000", "--rounds", "1", "--json"), TMPDIR=str(tmp_path)
    )

    json.dumps(figures)
    assert list(tmp_path.iterdir()) == []  # nothing stays behind
