"""Language, names, dates and numbers as the reader writes them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from portal.reading import Reader, language_of, masked
from portal.visit import safe_path

ENGLISH = Reader("en", ZoneInfo("Asia/Shanghai"))
CHINESE = Reader("zh_CN", ZoneInfo("Asia/Shanghai"))
NIGHT = datetime(2025, 11, 21, 16, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "zh_CN"),
        (None, "fr-FR,fr;q=0.9", "zh_CN"),
        (None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, "en;q=0.5,zh-TW;q=0.9", "zh_CN"),
        (None, "en;q=0,*", "zh_CN"),
        ("en", "zh-CN", "en"),
        ("xx", "en", "en"),
        (None, "en;q=nonsense", "en"),
        (None, ",;q=,,", "zh_CN"),
    ],
)
def test_the_switch_comes_before_the_browsers_wish_and_chinese_is_the_default(
    cookie, accepted, language
):
    assert language_of(cookie, accepted) == language


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("王秀英", "王**"),
        ("李强", "李*"),
        ("𠮷田", "𠮷*"),
        ("欧阳静怡", "欧**"),
        ("王", "王"),
        ("", ""),
    ],
)
def test_a_masked_name_shows_its_first_character(name, shown):
    assert masked(name) == shown


def test_zero_is_written_and_nothing_is_a_dash():
    assert (ENGLISH.number(0), ENGLISH.number(None)) == ("0", "–")
    assert (ENGLISH.share(0.0), ENGLISH.share(None)) == ("0%", "–")
    assert (ENGLISH.figure(2.5), ENGLISH.figure(3.0)) == ("2.5", "3")
    assert ENGLISH.number(1280.5, 2) == "1,280.50"


def test_a_share_is_rounded_down_so_that_nothing_reaches_the_pass_mark_from_below():
    assert [ENGLISH.share(part / 100) for part in range(101)] == [f"{n}%" for n in range(101)]
    assert (ENGLISH.share(0.796), ENGLISH.share(0.79999)) == ("79.6%", "79.9%")
    assert (ENGLISH.share(10079 / 10080), ENGLISH.share(1 - 1e-8)) == ("99.9%", "99.9%")
    assert ENGLISH.share(71 / 30) == "236.6%"
    assert (ENGLISH.done(239.97), ENGLISH.done(240.0), ENGLISH.done(None)) == ("239", "240", "–")


def test_times_are_local_and_the_day_is_the_readers():
    assert CHINESE.moment(NIGHT) == "2025年11月22日 00:30"
    assert ENGLISH.moment(NIGHT) == "22 Nov 2025 00:30"
    assert CHINESE.short_day(date(2026, 11, 9)) == "11月9日"
    assert ENGLISH.short_day(date(2026, 11, 9)) == "9 Nov"
    assert ENGLISH.stamp(NIGHT) == "2025-11-22 00:30:05"


def test_values_in_a_text_are_never_markup():
    assert ENGLISH.gettext("It is made for %(name)s.", name="<b>") == "It is made for &lt;b&gt;."
    assert ENGLISH.gettext("100 %") == "100 %"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil",
        "//evil",
        "/\\evil",
        "evil",
        "",
        "/a\nb",
        "/a b",
        "javascript:alert(1)",
        "/\\/x",
    ],
)
def test_only_a_path_of_this_site_is_gone_to(path):
    assert safe_path(path) == "/"


def test_a_path_of_this_site_stays_as_it_is():
    assert safe_path("/patients/p01@2c/weeks/2026-11-09") == "/patients/p01@2c/weeks/2026-11-09"
