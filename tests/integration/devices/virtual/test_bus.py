"""The bus under the virtual radio, asked by a plain D-Bus client."""

import asyncio
import contextlib

import pytest
from dbus_fast import BusType, Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.auth import AuthExternal
from dbus_fast.errors import AuthError

from devices.virtual.bands import mi_advert
from tests.virtual_room import HCI0

BUS = "org.freedesktop.DBus"
ADVERTISES = "type='signal',interface='org.freedesktop.DBus.ObjectManager'"


@contextlib.asynccontextmanager
async def client():
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        yield bus
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()


async def ask(bus, member, signature="", *body, to=BUS, path="/", interface=BUS):
    return await bus.call(
        Message(
            destination=to,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
    )


async def ask_adapter(bus, member, signature="", *body):
    where = {"to": "org.bluez", "path": "/org/bluez/hci0", "interface": "org.bluez.Adapter1"}
    return await ask(bus, member, signature, *body, **where)


def test_names_are_told_and_the_service_needs_no_starting(in_the_room):
    async def scene(_room):
        async with client() as bus:
            owner = await ask(bus, "GetNameOwner", "s", "org.bluez")
            assert owner.body == [":1.0"]
            assert (await ask(bus, "NameHasOwner", "s", "org.example")).body == [False]
            assert bus.unique_name in (await ask(bus, "ListNames")).body[0]
            started = await ask(bus, "StartServiceByName", "su", "org.bluez", 0)
            assert started.body == [2]
            nobody = await ask(bus, "GetNameOwner", "s", "org.example")
            assert nobody.error_name == f"{BUS}.Error.NameHasNoOwner"

    in_the_room(scene)


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ({"to": "org.example"}, "ServiceUnknown"),
        ({"to": "org.bluez", "path": "/nowhere"}, "UnknownObject"),
        ({"to": "org.bluez", "path": "/org/bluez/hci0"}, "UnknownMethod"),
        ({}, "UnknownMethod"),
    ],
)
def test_a_call_nobody_takes_is_answered_with_an_error(in_the_room, where, error):
    async def scene(_room):
        async with client() as bus:
            interface = "org.bluez.Adapter1" if "path" in where else BUS
            reply = await ask(bus, "Dance", interface=interface, **where)
            assert (reply.message_type, reply.error_name) == (
                MessageType.ERROR,
                f"{BUS}.Error.{error}",
            )

    in_the_room(scene)


def test_a_call_with_the_wrong_arguments_is_answered_with_an_error(in_the_room):
    async def scene(_room):
        async with client() as bus:
            reply = await ask_adapter(bus, "RemoveDevice")
            assert reply.error_name == f"{BUS}.Error.InvalidArgs"
            reply = await ask(bus, "AddMatch", "s", "colour='red'")
            assert reply.error_name == f"{BUS}.Error.MatchRuleInvalid"
            reply = await ask(bus, "RemoveMatch", "s", ADVERTISES)
            assert reply.error_name == f"{BUS}.Error.MatchRuleNotFound"

    in_the_room(scene)


def test_signals_go_to_who_asked_for_them_until_they_ask_no_more(in_the_room):
    async def scene(room):
        heard, overheard = [], []
        async with client() as asking, client() as other:
            asking.add_message_handler(lambda m: heard.append(m.member))
            other.add_message_handler(lambda m: overheard.append(m.member))
            await ask(asking, "AddMatch", "s", ADVERTISES)
            room.radio.pull_adapter(HCI0)
            await room.until(lambda: "InterfacesRemoved" in heard)
            await ask(asking, "RemoveMatch", "s", ADVERTISES)
            heard.clear()
            room.radio.plug_adapter(HCI0)
            await ask(asking, "GetId")
            await ask(other, "GetId")
        assert "InterfacesAdded" not in heard
        assert not {"InterfacesAdded", "InterfacesRemoved"} & set(overheard)

    in_the_room(scene)


def test_who_comes_and_goes_is_told_and_a_service_that_dies_too(in_the_room):
    async def scene(room):
        changes = []
        async with client() as bus:
            await ask(bus, "AddMatch", "s", f"sender={BUS},member=NameOwnerChanged")
            bus.add_message_handler(
                lambda m: changes.append(tuple(m.body)) if m.member == "NameOwnerChanged" else None
            )
            async with client() as other:
                name = other.unique_name
            await room.until(lambda: (name, name, "") in changes)
            room.radio.crash_service()
            room.radio.restart_service()
            await room.until(lambda: ("org.bluez", "", ":1.0") in changes)
            assert ("org.bluez", ":1.0", "") in changes

    in_the_room(scene)


def test_a_client_that_leaves_does_not_end_anothers_discovery(in_the_room):
    async def scene(room):
        band = mi_advert("C0:FF:EE:00:00:01", lambda _: 72)
        room.radio.add_band(band)
        async with client() as stays:
            async with client() as leaves:
                for bus in (stays, leaves):
                    await ask_adapter(bus, "SetDiscoveryFilter", "a{sv}", {})
                    await ask_adapter(bus, "StartDiscovery")
            again = await ask_adapter(stays, "StartDiscovery")
            assert again.error_name == "org.bluez.Error.InProgress"
            room.radio.beat()
            assert band.sent_adverts == {HCI0: 1}
        await room.until(lambda: not room.radio.adapters[HCI0].is_discovering)

    in_the_room(scene)


def test_properties_are_read_and_written(in_the_room):
    async def scene(_room):
        async with client() as bus:
            bluez = {"to": "org.bluez", "path": "/org/bluez/hci0"}
            properties = {**bluez, "interface": "org.freedesktop.DBus.Properties"}
            adapter = "org.bluez.Adapter1"
            reply = await ask(bus, "Get", "ss", adapter, "Address", **properties)
            assert reply.body[0].value == HCI0
            every = (await ask(bus, "GetAll", "s", adapter, **properties)).body[0]
            assert every["Powered"].value is True
            off = every["Discovering"]
            await ask(bus, "Set", "ssv", adapter, "Powered", off, **properties)
            reply = await ask(bus, "Get", "ss", adapter, "Powered", **properties)
            assert reply.body[0].value is False
            reply = await ask(bus, "Get", "ss", adapter, "Colour", **properties)
            assert reply.error_name == f"{BUS}.Error.InvalidArgs"
            reply = await ask(bus, "Set", "ssv", adapter, "Colour", off, **properties)
            assert reply.error_name == f"{BUS}.Error.InvalidArgs"

    in_the_room(scene)


def test_another_users_id_is_rejected(in_the_room):
    async def scene(_room):
        bus = MessageBus(bus_type=BusType.SYSTEM, auth=AuthExternal(uid=12345))
        with pytest.raises(AuthError):
            await bus.connect()

    in_the_room(scene)


@pytest.mark.parametrize(
    "noise", [b"\0AUTH EXTERNAL\r\nBEGIN\r\n" + bytes(64), b"\0" + b"A" * 5000]
)
def test_whoever_speaks_no_d_bus_is_cut_off(in_the_room, noise):
    async def scene(room):
        path = room.radio.address.removeprefix("unix:path=")
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(noise)
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        async with client() as bus:
            assert (await ask(bus, "GetId")).message_type is MessageType.METHOD_RETURN

    in_the_room(scene)
