import asyncio
import stat

import pytest

from ingest.batch.reading import Quantity, Reading
from ingest.gateway.glance import SOCKET, glance, showing
from ingest.gateway.tally import Tally


def test_who_looks_sees_how_things_stand_and_the_socket_goes_with_the_gateway(tmp_path):
    async def scene():
        async with showing(tmp_path, lambda: {"bands": [1, 2]}):
            mode = (tmp_path / SOCKET).stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
            return await asyncio.to_thread(glance, tmp_path)

    assert asyncio.run(scene()) == {"bands": [1, 2]}
    assert glance(tmp_path) is None
    assert not (tmp_path / SOCKET).exists()


def test_a_name_too_long_for_a_socket_is_no_hindrance(tmp_path):
    folder = tmp_path / ("long" * 40)
    folder.mkdir()

    async def scene():
        async with showing(folder, lambda: {"well": True}):
            return await asyncio.to_thread(glance, folder)

    assert asyncio.run(scene()) == {"well": True}


def test_what_a_killed_gateway_left_behind_is_replaced(tmp_path):
    async def scene():
        first = showing(tmp_path, dict)
        await first.__aenter__()
        async with showing(tmp_path, lambda: {"second": 2}):
            seen = await asyncio.to_thread(glance, tmp_path)
        await first.__aexit__(None, None, None)
        return seen

    assert asyncio.run(scene()) == {"second": 2}


def test_a_large_room_is_shown_whole(tmp_path):
    bands = [{"device_key": f"{number:017d}", "way": "advert"} for number in range(2_000)]

    async def scene():
        async with showing(tmp_path, lambda: {"bands": bands}):
            return await asyncio.to_thread(glance, tmp_path)

    assert asyncio.run(scene())["bands"] == bands


@pytest.fixture
def tally():
    class Clock:
        now_s = 1000.0

        def __call__(self):
            return self.now_s

    clock = Clock()
    return Tally(clock), clock


def pulse(device_key="a"):
    return Reading(device_key, Quantity.HEART_RATE_BPM, 123.0, 1_767_268_800_000)


def test_readings_of_the_last_minute_are_counted_for_each_band(tally):
    counted, clock = tally
    for _ in range(90):
        counted.heard([pulse(), pulse(), pulse("b")])
        clock.now_s += 1

    assert counted.of("a")["readings_per_min"] == 118, "of the 59 seconds that are over"
    assert counted.of("b")["readings_per_min"] == 59
    clock.now_s += 60
    assert counted.of("a")["readings_per_min"] == 0
    assert counted.of("c") == {"readings_per_min": 0, "battery_pct": None}


def test_of_what_a_band_says_only_its_battery_is_kept(tally):
    counted, _ = tally
    counted.heard([pulse(), Reading("a", Quantity.BATTERY_PCT, 61.0, 1_767_268_800_000)])

    assert counted.of("a") == {"readings_per_min": 2, "battery_pct": 61}
    assert "123" not in str(counted.of("a"))


def test_a_band_that_is_registered_no_more_is_forgotten(tally):
    counted, _ = tally
    counted.heard([pulse("a"), pulse("b")])

    counted.keep(["b"])

    assert counted.of("a")["readings_per_min"] == 0
    assert counted.of("b")["readings_per_min"] == 1
