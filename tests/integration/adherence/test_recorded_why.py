"""Recorded people: of every week every minute is told, with its reason, and the sums are whole."""

from datetime import timedelta

import polars as pl
import pytest

from adherence.clock import MINUTE_MS
from adherence.minutes import HELD_REASONS, NO_DATA
from config.conventions import load_conventions
from scripts.score.inputs import Files
from scripts.why.recorded import _account, _judged
from tests.recordings import RECORDED, look_alike

pytestmark = pytest.mark.timeout(900)  # half a minute, where nothing else runs

HEADING = (
    "case,person,age,sex,beta_blocker,rest_hr,hr_max,zone_lo,zone_hi,session_min,"
    "sessions_per_week,weekly_min,intensity_kind,steps_per_day"
)
KINDS = (
    "52,M,false,62,,40,60,20,3,60,,",
    "52,F,true,62,190,30,90,10,7,150,hr_max,4000",
    "52,,false,62,,90,140.5,20,3,60,bpm,",
    "52,M,false,,,11,14,20,3,60,rpe,2000",
)
"""What is prescribed, in turn."""
CONVENTIONS = load_conventions()
WEEK_MINUTES = 7 * 1440
ROOT_FILES = ("fitbit_hr.parquet", "fitbit_minutes.parquet", "uom_5min.parquet")


def recorded_files(folder):
    """Everybody with a recorded heart rate, and those with steps alone; or a look-alike."""
    beats, steps, five = (RECORDED / name for name in ROOT_FILES)
    if not all(path.exists() for path in (beats, steps, five)):
        return look_alike(folder, weeks=3)
    local = pl.col("ts").dt.offset_by("8h").cast(pl.Datetime("ms"))  # that one is written in UTC
    both = [
        pl.read_parquet(beats).select("person", pl.col("ts").cast(pl.Datetime("ms")), "hr"),
        pl.read_parquet(five).select(
            pl.lit("u").add(pl.col("person")).alias("person"), local, "hr"
        ),
    ]
    pl.concat(both, how="vertical_relaxed").sort("person", "ts").write_parquet(
        folder / "hr.parquet"
    )
    return folder / "hr.parquet", steps


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("why")
    hr, steps = recorded_files(folder)
    worn = pl.read_parquet(hr)["person"].unique().sort().to_list()
    walked = sorted(set(pl.read_parquet(steps)["person"].unique()) - set(worn))
    rows = [
        f"{person}-{number},{person},{KINDS[(place + number) % len(KINDS)]}"
        for place, person in enumerate(worn)
        for number in range(2)
    ]
    rows += [f"{person}-steps,{person},60,F,,,,,,,,,,5000" for person in walked]
    (folder / "cases.csv").write_text("\n".join([HEADING, *rows]), "utf-8")
    return Files(hr, steps, folder / "cases.csv")


def require_whole(account):
    """Every minute of the week is there once, says why, and the stored sums are those of them."""
    behind = account.week + timedelta(days=7)
    minutes = account.minutes.filter(pl.col("date") < behind)
    parts = [f"{name}_ms" for name in (*HELD_REASONS, "missing")]
    assert minutes["minute"].n_unique() == minutes.height == WEEK_MINUTES
    assert minutes.select(pl.sum_horizontal(parts)).to_series().unique().to_list() == [MINUTE_MS]
    assert minutes["reason"].null_count() == 0
    assert set(minutes["reason"]) <= {*HELD_REASONS, NO_DATA}
    # A minute says what most of it is: what it says is never nothing of it.
    for name in HELD_REASONS:
        assert minutes.filter(pl.col("reason") == name, pl.col(f"{name}_ms") == 0).is_empty()
    assert minutes.filter(pl.col("reason") == NO_DATA, pl.col("missing_ms") == 0).is_empty()
    assert minutes.filter(pl.col("credited_ms") > 0)["bout_start_ms"].null_count() == 0
    uncredited_ms = sum(minutes.select(parts).drop("credited_ms").sum().row(0))
    assert minutes["credited_ms"].sum() + uncredited_ms == WEEK_MINUTES * MINUTE_MS
    assert sum(account.totals_ms().values()) == WEEK_MINUTES * MINUTE_MS
    assert sum(run.minutes for day, run in account.runs() if day < behind) == WEEK_MINUTES
    assert [check for check in account.checks() if not check.is_equal] == []


def test_the_minutes_of_every_recorded_week_add_up_and_each_has_its_reason(files):
    names = pl.read_csv(files.cases)["case"].to_list()
    weeks = 0

    for name in names:
        recorded = _judged(files, name, "Asia/Shanghai", CONVENTIONS)
        mondays = recorded.weeks["week"].to_list()
        assert len(mondays) > 1
        assert mondays == [mondays[0] + timedelta(weeks=n) for n in range(len(mondays))]
        for row in recorded.weeks.iter_rows(named=True):
            require_whole(_account(recorded, row, CONVENTIONS))
        weeks += len(mondays)

    assert weeks > 2 * len(names)
