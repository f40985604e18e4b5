"""`adhere score` writes the side figures of each week beside the weeks, and leaves those alone."""

from math import exp

import polars as pl
import pytest

from tests.recordings import adhere

HEADING = (
    "case,person,age,sex,beta_blocker,rest_hr,hr_max,"
    "zone_lo,zone_hi,session_min,sessions_per_week,weekly_min"
)
WEEK_COLUMNS = ["case", "person", "week"]


def scored(folder, heading, *rows):
    """The tables of a recording of 12 min at half of the reserve, then one at a fifth."""
    hr = [f"7,2026-05-04 07:{n // 6:02}:{n % 6}0,110" for n in range(72)]
    (folder / "hr.csv").write_text("\n".join(["person,ts,hr", *hr, "7,2026-05-04 07:12:00,80"]))
    (folder / "cases.csv").write_text("\n".join([heading, *rows]), "utf-8")
    adhere(
        *("score", "--hr", folder / "hr.csv", "--cases", folder / "cases.csv"),
        *("--out", folder / "out"),
    )
    return {name: pl.read_parquet(folder / f"out/{name}.parquet") for name in ("weeks", "side")}


def test_each_week_has_its_side_figures_in_a_file_of_their_own(tmp_path):
    tables = scored(
        tmp_path,
        f"{HEADING},ceiling_bpm",
        "m,7,40,M,false,60,160,40,60,15,1,15,110",
        "unknown,7,40,,false,60,160,40,60,15,1,15,",
        "w,7,40,F,false,60,160,40,60,15,1,15,130",
    )

    side, weeks = tables["side"], tables["weeks"]
    assert side.select(WEEK_COLUMNS).equals(weeks.select(WEEK_COLUMNS))
    assert not set(side.columns) & set(weeks.columns) - {*WEEK_COLUMNS, "mod_eq_min"}
    assert side["mod_eq_min"].equals(weeks["mod_eq_min"])
    assert side["moderate_min"].to_list() == [12, 12, 12]
    assert side["over_ceiling_min"].to_list() == [12, None, 0]
    man = 0.64 * (12 * 0.5 * exp(1.92 * 0.5) + 0.2 * exp(1.92 * 0.2))
    woman = 0.86 * (12 * 0.5 * exp(1.67 * 0.5) + 0.2 * exp(1.67 * 0.2))
    assert side["trimp"].to_list() == [pytest.approx(man), None, pytest.approx(woman)]
    assert side["rest_drift_bpm"].to_list() == [None, None, None]


def test_a_prescription_without_heart_rate_limits_has_no_zones(tmp_path):
    heading = f"{HEADING},intensity_kind,steps_per_day"

    side = scored(tmp_path, heading, "c,7,40,M,false,,,12,14,15,1,15,rpe,")["side"]

    assert side["moderate_min"].to_list() == [None]
    assert side["trimp"].to_list() == [None]
