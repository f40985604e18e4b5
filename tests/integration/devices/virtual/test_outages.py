"""Adapters pulled, the bus crashed, the Bluetooth service dead: as unmodified bleak meets it."""

import asyncio
from dataclasses import replace

import pytest
from bleak.exc import BleakDBusError, BleakError

from devices.virtual.bands.uuids import BATTERY_LEVEL, HEART_RATE_MEASUREMENT
from devices.virtual.bluez import PROMPT
from tests.virtual_room import HCI0, HCI1, Listener, linked, strap


def test_a_pulled_adapter_ends_its_links_and_its_scans(in_the_room):
    async def scene(room):
        band = strap()
        room.radio.add_band(band, adapters=[HCI0])
        listener = await linked(room, band)
        scanner = room.scanner()
        await scanner.start()
        room.radio.pull_adapter(HCI0)
        await listener.ended.wait()
        with pytest.raises(BleakDBusError):
            await scanner.stop()
        with pytest.raises(BleakError, match="hci0"):
            await room.scanner().start()
        room.radio.beat()
        assert HCI0 not in room.radio.adapters

    in_the_room(scene)


def test_of_links_that_go_with_an_adapter_torn_out_bleak_learns_only_when_it_asks(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        await listener.subscribe()
        room.radio.tear_out_adapter(HCI0)
        room.radio.beat()
        assert listener.client.is_connected, "nobody told it"
        with pytest.raises(BleakDBusError, match="UnknownObject"):
            await listener.client.read_gatt_char(BATTERY_LEVEL)
        with pytest.raises(BleakDBusError, match="UnknownObject"):
            await listener.client.disconnect()
        assert (listener.frames, listener.client.is_connected) == ([], False)
        room.radio.plug_adapter(HCI0)
        await room.until_plugged()
        again = await linked(room, band)
        await again.client.disconnect()

    in_the_room(scene)


def test_an_adapter_plugged_in_again_may_have_another_number(in_the_room):
    async def scene(room):
        band = strap()
        room.radio.add_band(band, adapters=[HCI1])
        room.radio.pull_adapter(HCI0)
        room.radio.pull_adapter(HCI1)
        names = {address: room.radio.plug_adapter(address).name for address in (HCI1, HCI0)}
        assert names == {HCI1: "hci0", HCI0: "hci1"}
        await room.until_plugged()
        assert (await room.find(band, "hci0")).address == band.address

    in_the_room(scene)


def test_an_adapter_switched_off_is_not_ready(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        room.radio.adapters[HCI0].power(on=False)
        await listener.ended.wait()
        with pytest.raises(BleakDBusError, match="NotReady"):
            await room.scanner().start()
        room.radio.adapters[HCI0].power(on=True)
        await room.until_plugged()
        assert (await room.find(band)).address == band.address

    in_the_room(scene)


def test_a_crashed_bus_ends_every_link_and_a_new_scan_hears_a_steady_band_again(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        await listener.subscribe()
        room.radio.beat()
        room.radio.crash()
        await listener.ended.wait()
        assert len(listener.frames) == band.sent_notifications[HEART_RATE_MEASUREMENT] == 1
        with pytest.raises((OSError, BleakError)):
            await room.scanner().start()
        await room.radio.restart()
        again = await linked(room, band)
        await again.client.disconnect()

    in_the_room(scene)


def test_a_bus_that_crashes_during_a_connect_ends_the_attempt(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = Listener(await room.find(band))
        coming = asyncio.create_task(listener.client.connect())
        await room.until(lambda: room.radio.adapters[HCI0].most_connecting == 1)
        room.radio.crash()
        with pytest.raises((BleakError, EOFError, OSError)):
            await coming
        assert not listener.client.is_connected

    in_the_room(scene, delays=replace(PROMPT, connect_s=60))


def test_a_call_under_way_when_the_service_dies_gets_no_reply_and_says_so(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = Listener(await room.find(band))
        coming = asyncio.create_task(listener.client.connect())
        await room.until(lambda: room.radio.adapters[HCI0].most_connecting == 1)
        room.radio.crash_service()
        with pytest.raises(BleakDBusError, match="NoReply"):
            await coming

    in_the_room(scene, delays=replace(PROMPT, connect_s=60))


def test_of_a_dead_service_bleak_learns_only_when_it_asks(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        room.radio.crash_service()
        room.radio.beat()
        assert listener.client.is_connected, "nobody told it"
        with pytest.raises(BleakDBusError, match="ServiceUnknown"):
            await listener.client.read_gatt_char(HEART_RATE_MEASUREMENT)
        room.radio.restart_service()
        with pytest.raises(BleakDBusError, match="UnknownObject"):
            await listener.client.read_gatt_char(HEART_RATE_MEASUREMENT)
        with pytest.raises(BleakDBusError):
            await listener.client.disconnect()
        await room.until(lambda: HCI1 in room.radio.adapters)

    in_the_room(scene)
