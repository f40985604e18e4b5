"""Times and names as files write them."""

import re
from inspect import getsource

import polars as pl
import pytest

from adherence import figures
from config.conventions import load_conventions
from config.errors import Misconfigured
from scripts.score.cases import SECTION_13
from scripts.score.keys import alike, key_of, number_if_written_so
from scripts.score.reasons import in_words
from scripts.score.table import numbers, read_table
from scripts.score.times import known_zone, utc_ms

NOON_UTC_MS = 1_777_896_000_000  # 2026-05-04T12:00:00Z


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-05-04 20:00:00", 0),
        ("2026-05-04T20:00:00", 0),
        ("2026/05/04 20:00", 0),
        (" 2026-05-04 20:00:00.1239 ", 123),
        ("2026-05-04T12:00:00Z", 0),
        ("2026-05-04T12:00:00.5+00:00", 500),
        ("2026-05-04T08:00:00-0400", 0),
        ("2026-05-04 17:30:00+05:30", 0),
        ("2026-05-04 20:00:00+08", 0),
        ("2026-05-04 20:00:00.5 +08", 500),
        ("2026-05-05 02:00+14:00", 0),
        ("2026-05-04 20:00:00+99:99", None),
        ("2026-05-04 20:00:00+15:00", None),
        ("2026-05-04 20:00:00+08:60", None),
        ("26-05-04 20:00:00", None),
        ("5/4/26 20:00", None),
        ("04/05/26 20:00", None),
        ("-2026-05-04 20:00:00", None),
        ("2026-05-04 20", None),
        ("2026-05-04", None),
        ("20:00:00", None),
        ("2026-13-04 20:00:00", None),
        ("1777896000000", None),
        ("", None),
        (None, None),
    ],
)
def test_a_naive_time_is_the_sites_and_a_zoned_one_is_what_it_says(text, ms):
    column = pl.Series([text, "2026-05-04 20:00:00"])

    times = utc_ms(column, zone="Asia/Shanghai", conventions=load_conventions())

    expected = None if ms is None else NOON_UTC_MS + ms
    assert times.to_list() == [expected, NOON_UTC_MS]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_datetimes_are_cut_down_to_the_millisecond(unit):
    naive = pl.Series(["2026-05-04 20:00:00.999999"]).str.to_datetime(time_unit=unit)
    c = load_conventions()

    for column in (naive, naive.dt.replace_time_zone("Asia/Shanghai")):
        times = utc_ms(column, zone="Asia/Shanghai", conventions=c)
        assert times.to_list() == [NOON_UTC_MS + 999]


def test_shanghai_is_utc_plus_8_even_when_it_kept_summer_time():
    column = pl.Series(["1988-07-01 08:00:00"])

    times = utc_ms(column, zone="Asia/Shanghai", conventions=load_conventions())

    assert times.to_list() == [583_718_400_000]  # 1988-07-01T00:00:00Z


def test_another_sites_zone_is_followed_and_an_hour_that_was_not_is_no_time():
    column = pl.Series(["2026-05-04 14:00:00", "2026-03-29 02:30:00"])

    times = utc_ms(column, zone="Europe/Paris", conventions=load_conventions())

    assert times.to_list() == [NOON_UTC_MS, None]


def test_a_date_or_a_number_is_no_time():
    for column in (pl.Series([1_777_896_000_000]), pl.Series(["2026-05-04"]).str.to_date()):
        times = utc_ms(column, zone="Asia/Shanghai", conventions=load_conventions())
        assert times.to_list() == [None]


NO_ZONES = ["Asia/Shanghei", "localtime", "posix/Asia/Shanghai", "right/Asia/Shanghai", "Factory"]


@pytest.mark.parametrize("name", NO_ZONES)
def test_a_zone_that_is_none_is_refused(name):
    with pytest.raises(Misconfigured, match=name):
        known_zone(name)


def test_a_zone_by_another_name_is_one():
    assert known_zone("PRC") == "PRC"


@pytest.mark.parametrize(
    ("column", "values", "faulty"),
    [
        (pl.Series(["70", " 71.5 ", "NaN", "", None, "null", "abc", "7O"]), None, 2),
        (pl.Series([70, None]), [70.0, None], 0),
        (pl.Series([None, None]), [None, None], 0),
        (pl.Series([True, None]), [None, None], 1),
    ],
)
def test_a_number_is_a_number_or_missing_or_a_fault(column, values, faulty):
    parsed, wrong = numbers(column)

    assert wrong.sum() == faulty
    assert values is None or parsed.to_list() == values


def test_a_number_of_32_bits_is_the_one_that_was_written():
    written = [128.2, 100.3, 33.3, 6000.1, 9.99, 50_000.0, None]

    parsed, wrong = numbers(pl.Series(written, dtype=pl.Float32))

    assert parsed.to_list() == written
    assert not wrong.any()


def test_names_are_numbers_only_where_all_tables_write_them_so():
    texts, numbers_ = pl.Series(["7", "12"]), pl.Series([7, 12])

    assert number_if_written_so(texts).to_list() == [7, 12]
    assert number_if_written_so(pl.Series(["7", "007"])).dtype == pl.String
    assert number_if_written_so(pl.Series([" 7", "7 "])).to_list() == [7, 7]
    assert number_if_written_so(pl.Series([" li", "li"])).to_list() == ["li", "li"]
    assert [c.dtype for c in alike(numbers_, pl.Series(["x"]))] == [pl.String, pl.String]
    assert [c.dtype for c in alike(numbers_, numbers_)] == [pl.Int64, pl.Int64]


@pytest.mark.parametrize(
    ("column", "nobody"),
    [
        (pl.Series(["a", "", " ", None]), 3),
        (pl.Series([1, None]), 1),
        (pl.Series([2**63, 1], dtype=pl.UInt64), 1),
        (pl.Series([1.0, 1.5, None]), 2),
        (pl.Series([True]), 1),
        (pl.Series(["a", "b"], dtype=pl.Categorical), 0),
    ],
)
def test_a_key_names_somebody(column, nobody):
    key, wrong = key_of(column)

    assert wrong.sum() == nobody
    assert key.dtype in (pl.Int64, pl.String)


def test_every_reason_for_no_figures_says_what_to_do():
    reasons = re.findall(r'^[A-Z_]+ = "([a-z_]+)"$', getsource(figures), re.MULTILINE)

    assert "no_samples" in reasons
    for reason in reasons:
        assert re.fullmatch(rf"{reason} \(.{{10,}}\)", in_words(reason))


@pytest.mark.parametrize("heading", ["ceiling_bmp", "Mode", "phase", "resistence_min"])
def test_a_heading_that_is_nearly_one_of_ours_is_refused(tmp_path, heading):
    path = tmp_path / "cases.csv"
    path.write_text(f"case,{heading}\n1,2\n", "utf-8")

    with pytest.raises(Misconfigured, match=heading):
        read_table(path, ("case",), SECTION_13)


def test_a_heading_of_the_files_own_is_left_alone(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("case,note,ward,mode\n1,2,3,site\n", "utf-8")

    assert read_table(path, ("case",), SECTION_13).frame.columns == ["case", "mode"]


@pytest.mark.parametrize(
    ("heading", "name"), [("case,mode,case", "case"), ('case,mode,"mode"', "mode")]
)
def test_a_heading_that_stands_twice_is_refused(tmp_path, heading, name):
    path = tmp_path / "cases.csv"
    path.write_text(f"{heading}\n1,site,worn\n", "utf-8")

    with pytest.raises(Misconfigured, match=f"column {name} more than once"):
        read_table(path, ("case",), SECTION_13)


def test_a_heading_of_the_files_own_may_stand_twice(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("case,note,note\n1,2,3,4\n5,6\n", "utf-8")

    assert read_table(path, ("case",), SECTION_13).frame["case"].to_list() == ["1", "5"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_told_as_such(tmp_path, encoding):
    mark = {"utf-16": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}[encoding]
    path = tmp_path / "cases.csv"
    path.write_bytes(mark + "case,mode\n1,site\n".encode(encoding))

    with pytest.raises(Misconfigured, match="UTF-16: save it again as CSV in UTF-8"):
        read_table(path, ("case",), SECTION_13)
