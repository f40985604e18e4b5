"""Links of unmodified bleak to virtual bands, and how they fail."""

import asyncio
from dataclasses import replace

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

from devices.virtual.bands import mi_advert
from devices.virtual.bands.uuids import BATTERY_LEVEL, HEART_RATE_MEASUREMENT
from devices.virtual.bluez import PROMPT, Refusal
from tests.virtual_room import ADDRESS, HCI0, Listener, linked, linked_to, strap


def test_services_are_discovered_values_read_and_every_notification_heard(in_the_room):
    async def scene(room):
        band = strap(pulse=lambda _: 300)
        room.radio.add_band(band)
        async with linked_to(room, band) as listener:
            client = listener.client
            assert client.services.get_characteristic(HEART_RATE_MEASUREMENT) is not None
            assert await client.read_gatt_char(BATTERY_LEVEL) == bytes([83])
            await listener.subscribe()
            for _ in range(50):
                room.radio.beat()
            await room.until(lambda: len(listener.frames) == 50)
        assert set(listener.frames) == {bytes([0x07, 0x2C, 0x01])}
        assert band.sent_notifications == {HEART_RATE_MEASUREMENT: 50}
        assert listener.ended.is_set()
        assert room.radio.adapters[HCI0].links == 0

    in_the_room(scene)


def test_nothing_is_notified_to_nobody(in_the_room):
    async def scene(room):
        band = strap()
        room.radio.add_band(band)
        async with linked_to(room, band) as listener:
            client = listener.client
            room.radio.beat()
            await listener.subscribe()
            room.radio.beat()
            await client.stop_notify(HEART_RATE_MEASUREMENT)
            room.radio.beat()
        assert band.sent_notifications == {HEART_RATE_MEASUREMENT: len(listener.frames)}
        assert len(listener.frames) == 1

    in_the_room(scene)


def test_a_linked_band_says_nothing_on_the_air(in_the_room):
    async def scene(room):
        band = strap()
        room.radio.add_band(band)
        async with linked_to(room, band), room.scanner():
            sent = band.sent_adverts.copy()
            room.radio.beat()
            assert band.sent_adverts == sent

    in_the_room(scene)


def test_a_strap_off_the_skin_says_so_and_no_pulse(in_the_room):
    async def scene(room):
        band = strap(pulse=lambda _: None)
        room.radio.add_band(band)
        async with linked_to(room, band) as listener:
            await listener.subscribe()
            room.radio.beat()
            await room.until(lambda: listener.frames)
        assert listener.frames == [bytes([0x04, 0])]
        assert band.sent_values == {}

    in_the_room(scene)


def test_a_reply_that_overtakes_the_state_looks_like_a_lost_link(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        device = await room.find(band)
        with pytest.raises(BleakError, match="device disconnected"):
            await Listener(device).client.connect()

    in_the_room(scene, delays=replace(PROMPT, reply_s=0.0, announce_s=0.05))


def test_a_band_that_walks_away_loses_its_link_and_can_be_linked_to_again(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        await listener.subscribe()
        room.radio.walk_away(band)
        room.radio.beat()
        await listener.ended.wait()
        assert (listener.frames, listener.client.is_connected) == ([], False)
        room.radio.come_back(band)
        again = await linked(room, band)
        await again.subscribe()
        room.radio.beat()
        await room.until(lambda: again.frames)
        await again.client.disconnect()

    in_the_room(scene)


def test_what_is_asked_of_a_band_out_of_reach_is_never_answered(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        room.radio.walk_away(band)
        with pytest.raises((BleakError, EOFError)):
            await listener.client.read_gatt_char(BATTERY_LEVEL)
        await listener.ended.wait()
        await listener.client.disconnect()

    in_the_room(scene)


def test_a_silent_band_keeps_its_link_and_notifies_nothing(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        async with linked_to(room, band) as listener:
            client = listener.client
            await listener.subscribe()
            band.silent()
            room.radio.beat()
            assert await client.read_gatt_char(BATTERY_LEVEL) == bytes([83])
            assert (band.sent_notifications, client.is_connected) == ({}, True)
            band.speak()
            room.radio.beat()
            await room.until(lambda: len(listener.frames) == 1)

    in_the_room(scene)


def test_a_band_that_runs_flat_ends_its_link(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        band.flat()
        room.radio.beat()
        await listener.ended.wait()

    in_the_room(scene)


def test_an_adapter_holds_no_more_links_than_its_limit(in_the_room):
    async def scene(room):
        bands = [strap(f"C0:FF:EE:00:01:{number:02X}") for number in range(3)]
        for band in bands:
            room.radio.add_band(band)
        listeners = [await linked(room, band) for band in bands[:2]]
        with pytest.raises(BleakDBusError, match="concurrent-connection-limit"):
            await linked(room, bands[2])
        other = await linked(room, bands[2], "hci1")
        for listener in [*listeners, other]:
            await listener.client.disconnect()

    in_the_room(scene, link_limit=2)


def test_a_band_linked_on_one_adapter_cannot_be_linked_on_another(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        on_second = await room.find(band, "hci1")
        listener = await linked(room, band)
        with pytest.raises(TimeoutError):
            await BleakClient(on_second, timeout=0.1).connect()
        await listener.client.disconnect()

    in_the_room(scene)


def test_a_band_that_only_advertises_takes_no_link(in_the_room):
    async def scene(room):
        room.radio.add_band(band := mi_advert(ADDRESS, lambda _: 72))
        with pytest.raises(TimeoutError):
            await BleakClient(await room.find(band), timeout=0.1).connect()

    in_the_room(scene)


def test_a_link_that_aborts_is_tried_again_by_bleak_itself(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        device = await room.find(band)
        room.radio.refuse_connects(2)
        async with Listener(device).client as client:
            assert client.is_connected

    in_the_room(scene)


@pytest.mark.parametrize("refusal", [Refusal.IN_PROGRESS, Refusal.ABORT_BY_REMOTE])
def test_other_refusals_of_a_connect_are_raised(in_the_room, refusal):
    async def scene(room):
        room.radio.add_band(band := strap())
        device = await room.find(band)
        room.radio.refuse_connects(1, refusal)
        with pytest.raises(BleakDBusError) as refused:
            await Listener(device).client.connect()
        assert refused.value.dbus_error == refusal.value[0]
        async with Listener(device).client as client:
            assert client.is_connected

    in_the_room(scene)


def test_a_disconnect_that_hangs_is_answered_once_it_hangs_no_more(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        listener = await linked(room, band)
        room.radio.hang_disconnects = True
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(listener.client.disconnect(), 0.05)
        assert (room.radio.hang_disconnects, room.radio.adapters[HCI0].links) == (True, 1)
        room.radio.hang_disconnects = False
        await room.until(lambda: room.radio.adapters[HCI0].links == 0)

    in_the_room(scene)


def test_a_refused_read_says_that_reading_is_not_permitted(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        band.refused_reads.add(BATTERY_LEVEL)
        async with linked_to(room, band) as listener:
            client = listener.client
            with pytest.raises(BleakGATTProtocolError):
                await client.read_gatt_char(BATTERY_LEVEL)

    in_the_room(scene)


def test_pairing_links_and_says_so(in_the_room):
    async def scene(room):
        room.radio.add_band(band := strap())
        client = BleakClient(await room.find(band), pair=True, timeout=5)
        async with client:
            assert await client.read_gatt_char(BATTERY_LEVEL) == bytes([83])

    in_the_room(scene)


def test_ten_links_over_two_adapters_lose_no_notification(in_the_room):
    async def scene(room):
        bands = [strap(f"C0:FF:EE:00:01:{number:02X}") for number in range(10)]
        listeners = []
        for number, band in enumerate(bands):
            room.radio.add_band(band)
            listeners.append(await linked(room, band, f"hci{number % 2}"))
            await listeners[-1].subscribe()
        await room.until(lambda: all(len(listener.frames) > 20 for listener in listeners))
        room.radio.pause()
        sent = [band.sent_notifications[HEART_RATE_MEASUREMENT] for band in bands]
        await room.until(lambda: [len(listener.frames) for listener in listeners] == sent)
        for listener in listeners:
            await listener.client.disconnect()
        assert room.radio.adapters[HCI0].most_connecting == 1

    in_the_room(scene, beat_s=0.02)
