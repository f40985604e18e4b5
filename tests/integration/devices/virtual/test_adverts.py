"""Adverts of virtual bands as unmodified bleak hears them."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError

from devices.virtual.bands import mi_advert, polar_advert
from devices.virtual.bands.uuids import HUAMI_SERVICE
from devices.virtual.bluez import PROMPT
from tests.virtual_room import HCI0, HCI1

BEATS = 14


def steady(number=1):
    """Return a wearer at a constant 72 bpm who sits still."""
    return mi_advert(f"C0:FF:EE:00:00:{number:02X}", lambda _: 72)


def test_an_advert_carries_maker_data_service_data_name_and_loudness(in_the_room):
    async def scene(room):
        band = mi_advert("C0:FF:EE:00:00:01", lambda _: 125, steps=lambda at: at // 1_000_000_000)
        room.radio.add_band(band, rssi=-71)
        async with room.scanner():
            room.radio.beat()
            await room.until(lambda: room.heard)
        ((address, advert),) = room.heard
        assert address == band.address
        assert advert.manufacturer_data[0x0157][3] == 125
        assert advert.manufacturer_data[0x0157][-6:] == bytes.fromhex("C0FFEE000001")
        assert len(advert.service_data[HUAMI_SERVICE]) == 4
        assert (advert.rssi, advert.local_name) == (-71, "Mi Smart Band")

    in_the_room(scene)


def test_every_unchanged_advert_is_heard_with_duplicate_data(in_the_room):
    async def scene(room):
        band = steady()
        room.radio.add_band(band)
        async with room.scanner():
            for _ in range(BEATS):
                room.radio.beat()
            await room.until(lambda: len(room.heard) == BEATS)
        assert band.sent_adverts == {HCI0: BEATS}
        assert band.sent_values == {"heart_rate_bpm": BEATS, "steps_counter": BEATS}

    in_the_room(scene)


def test_an_unchanged_advert_is_heard_once_only_without_duplicate_data(in_the_room):
    async def scene(room):
        resting, walking = steady(1), polar_advert("C0:FF:EE:00:00:02", lambda _: 72)
        room.radio.add_band(resting)
        room.radio.add_band(walking)  # its frame counter makes every advert another
        async with room.scanner(DuplicateData=False):
            for _ in range(BEATS):
                room.radio.beat()
            await room.until(lambda: len(room.adverts_of(walking)) == BEATS)
        assert len(room.adverts_of(resting)) == 1
        assert resting.sent_adverts == {HCI0: BEATS}, "it was on the air all the same"

    in_the_room(scene)


def test_a_second_scan_hears_a_steady_band_again(in_the_room):
    async def scene(room):
        room.radio.add_band(steady())
        for scan in (1, 2):
            async with room.scanner(DuplicateData=False):
                room.radio.beat()
                await room.until(lambda: len(room.heard) == scan)  # noqa: B023 - awaited within the turn

    in_the_room(scene)


def test_a_band_is_heard_by_the_adapters_in_whose_reach_it_stands(in_the_room):
    async def scene(room):
        left, both = steady(1), steady(2)
        room.radio.add_band(left, adapters=[HCI0])
        room.radio.add_band(both)
        async with room.scanner("hci0"), room.scanner("hci1"):
            room.radio.beat()
            await room.until(lambda: len(room.heard) == 3)
        assert left.sent_adverts == {HCI0: 1}
        assert both.sent_adverts == {HCI0: 1, HCI1: 1}

    in_the_room(scene)


def test_bands_that_speak_of_themselves_once_a_beat_lose_nothing(in_the_room):
    async def scene(room):
        bands = [polar_advert(f"C0:FF:EE:00:00:{number:02X}", lambda _: 72) for number in range(30)]
        for band in bands:
            room.radio.add_band(band)
        async with room.scanner():
            await room.until(lambda: len(room.heard) > 300)
            room.radio.pause()
            sent = sum(band.sent_adverts[HCI0] for band in bands)
            await room.until(lambda: len(room.heard) >= sent)
            assert len(room.heard) == sent
            room.radio.resume()
            await room.until(lambda: len(room.heard) > sent)

    in_the_room(scene, beat_s=0.02)


def test_a_band_that_walks_away_is_heard_again_when_it_comes_back(in_the_room):
    async def scene(room):
        band = steady()
        room.radio.add_band(band)
        async with room.scanner():
            room.radio.walk_away(band)
            room.radio.beat()
            assert band.sent_adverts == {}
            room.radio.come_back(band)
            room.radio.beat()
            await room.until(lambda: len(room.heard) == 1)

    in_the_room(scene)


def test_a_flat_band_says_nothing_until_it_is_charged(in_the_room):
    async def scene(room):
        band = steady()
        room.radio.add_band(band)
        async with room.scanner():
            band.flat()
            room.radio.beat()
            assert band.sent_adverts == {}
            band.charge()
            room.radio.beat()
            await room.until(lambda: len(room.heard) == 1)

    in_the_room(scene)


def test_adverts_pass_the_filters_a_scanner_asked_for(in_the_room):
    async def scene(room):
        near, far = steady(1), steady(2)
        other = polar_advert("C0:FF:EE:00:00:03", lambda _: 72)
        room.radio.add_band(near, rssi=-50)
        room.radio.add_band(far, rssi=-90)
        room.radio.add_band(other, rssi=-50)
        async with room.scanner(RSSI=-70, UUIDs=[HUAMI_SERVICE]):
            room.radio.beat()
            await room.until(lambda: room.heard)
        assert [address for address, _ in room.heard] == [near.address]
        assert far.sent_adverts == other.sent_adverts == {}

    in_the_room(scene)


def test_a_device_nobody_hears_any_more_leaves_the_bus(in_the_room):
    async def scene(room):
        band = steady()
        room.radio.add_band(band)
        device = await room.find(band)
        room.radio.walk_away(band)

        def forgotten():
            room.radio.beat()
            return not room.radio.adapters[HCI0].devices

        await room.until(forgotten)
        with pytest.raises(BleakError, match="not found"):
            await BleakClient(device, timeout=1).connect()

    in_the_room(scene, delays=replace(PROMPT, forget_s=0.05))


def test_an_adapter_that_is_not_there_is_refused_by_name(in_the_room):
    async def scene(_room):
        with pytest.raises(BleakError, match="hci7"):
            await BleakScanner(bluez={"adapter": "hci7"}).start()

    in_the_room(scene)


def test_the_socket_lies_in_a_folder_of_ones_own_and_leaves_nothing_behind(in_the_room):
    folders = []

    async def scene(room):
        socket = Path(room.radio.address.removeprefix("unix:path="))
        folders.append(socket.parent)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700

    in_the_room(scene)
    assert not folders[0].exists()
