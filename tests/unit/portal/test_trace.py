"""The picture of a trace: every extreme is in it, and no gap is drawn over."""

import itertools
import re
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.readings import quarters
from portal.small_curves import bars, spark
from portal.trace import LONGEST_GAP_MS, Band, Frame, Mark, Samples, Words, picture, pieces, rates

DAY_MS = 86_400_000
FRAME = Frame(0, DAY_MS, 40.0, 200.0)
WORDS = Words("title <1>", "described & told", "target 100-145", "ceiling 150", "bpm")


def samples(*pairs):
    return Samples(
        np.array([at for at, _ in pairs], np.int64), np.array([bpm for _, bpm in pairs], float)
    )


def a_day_at_1_hz(seed=1):
    rng = np.random.default_rng(seed)
    at_ms = np.arange(0, DAY_MS, 1000, dtype=np.int64)
    return Samples(at_ms, 90 + 30 * np.sin(at_ms / 5e6) + rng.normal(0, 5, len(at_ms)).round())


def test_a_day_at_1_hz_is_a_small_picture_with_its_extremes():
    heard = a_day_at_1_hz()

    drawn = pieces(heard, FRAME)
    svg = picture(heard, FRAME, WORDS, utc_offset=timedelta(0))

    shown = np.concatenate([piece.bpm for piece in drawn])
    assert (shown.min(), shown.max()) == (heard.bpm.min(), heard.bpm.max())
    assert len(shown) <= 4 * FRAME.width
    assert len(svg) < 60_000


@given(
    st.lists(
        st.tuples(st.integers(0, DAY_MS + 10), st.integers(30, 220)),
        max_size=200,
        unique_by=lambda pair: pair[0],
    )
)
def test_pieces_keep_order_extremes_and_gaps(pairs):
    heard = samples(*sorted(pairs))
    inside = [(at, bpm) for at, bpm in sorted(pairs) if at < DAY_MS]

    drawn = pieces(heard, FRAME)

    points = [
        (at, bpm)
        for piece in drawn
        for at, bpm in zip(piece.at_ms.tolist(), piece.bpm.tolist(), strict=True)
    ]
    assert points == sorted(points)
    assert set(points) <= set(inside)
    assert (
        [max(points, key=lambda p: p[1])[1]] * bool(inside)
        == [max(bpm for _, bpm in inside)] * bool(inside)
        if inside
        else points == []
    )
    cuts = sum(
        after - before > LONGEST_GAP_MS for (before, _), (after, _) in itertools.pairwise(inside)
    )
    assert len(drawn) == (cuts + 1 if inside else 0)


def test_a_band_that_speaks_once_a_minute_is_one_line_and_an_outage_is_a_break():
    minute = 60_000
    heard = samples(
        *((n * minute, 80) for n in range(10)), *((n * minute, 80) for n in range(20, 30))
    )

    svg = picture(heard, FRAME, WORDS, utc_offset=timedelta(0))

    assert svg.count('class="pulse"') == 2


def test_a_single_reading_is_a_dot_and_none_is_nothing():
    one = picture(samples((1000, 80)), FRAME, WORDS, utc_offset=timedelta(0))
    none = picture(samples(), FRAME, WORDS, utc_offset=timedelta(0))

    assert one.count("<circle") == 1
    assert "pulse" not in none
    assert "circle" not in none


def test_the_axis_says_local_time():
    frame = Frame(0, DAY_MS, 40.0, 200.0)

    svg = picture(samples(), frame, WORDS, utc_offset=timedelta(hours=8))

    assert re.findall(r">(\d\d:\d\d)</text>", svg)[0] == "09:00"  # UTC midnight is 08:00


def test_words_are_escaped_and_the_picture_is_named():
    svg = picture(samples((1000, 80)), FRAME, WORDS, utc_offset=timedelta(0))

    assert "title &lt;1&gt;" in svg
    assert "described &amp; told" in svg
    assert 'role="img"' in svg


def test_zone_ceiling_bouts_and_alerts_are_drawn():
    svg = picture(
        a_day_at_1_hz(),
        FRAME,
        WORDS,
        utc_offset=timedelta(0),
        zone_bpm=(100.0, 145.0),
        ceiling_bpm=150.0,
        bouts=[Mark(1_000_000, 4_000_000, "bout")],
        alerts=[Mark(2_000_000, 2_000_000, "alert")],
    )

    for drawn in ('class="zone"', 'class="ceiling"', 'class="bout"', 'class="event"'):
        assert svg.count(drawn) == 1


def test_zones_are_shaded_up_to_the_next_and_named_where_there_is_room():
    svg = picture(
        a_day_at_1_hz(),
        FRAME,
        WORDS,
        utc_offset=timedelta(0),
        bands=[Band(FRAME.low_bpm - 50, "quiet"), Band(80.0, "<light>"), Band(80.5, "thin")],
    )

    heights = [float(tall) for tall in re.findall(r'class="band b\d"[^>]*height="([\d.]+)"', svg)]
    assert sum(heights) == pytest.approx(FRAME.height - FRAME.top - FRAME.bottom, abs=0.3)
    assert re.findall(r'class="band-word"[^>]*>([^<]*)<', svg) == ["quiet", "thin"]


def test_a_zone_above_or_below_the_picture_is_not_drawn():
    bands = [Band(0.0, "below"), Band(FRAME.low_bpm, "in"), Band(FRAME.high_bpm, "above")]

    svg = picture(a_day_at_1_hz(), FRAME, WORDS, utc_offset=timedelta(0), bands=bands)

    assert re.findall(r'class="band-word"[^>]*>([^<]*)<', svg) == ["in"]


def test_the_picture_reaches_around_everything_it_shows():
    assert rates(samples(), 150.0) == (50.0, 160.0)
    assert rates(samples((0, 33.0), (1, 219.0)), None) == (30.0, 230.0)


def test_quarters_of_an_hour_hold_their_readings():
    found = quarters(samples((0, 60), (899_999, 80), (900_000, 100)))

    assert [(q.low_bpm, q.mean_bpm, q.high_bpm, q.readings) for q in found] == [
        (60, 70, 80, 2),
        (100, 100, 100, 1),
    ]
    assert quarters(samples()) == []


def test_small_curves_have_words_too():
    assert "<title>pulse</title>" in spark(samples((0, 80), (1000, 90)), 0, 2000, 150.0, "pulse")
    drawn = bars([(0.0, "not_met"), (120.0, "met")], "weeks")
    assert drawn.count('class="bar') == 2
    assert 'class="bar not_met"' in drawn
