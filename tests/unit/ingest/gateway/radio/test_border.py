import asyncio

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from dbus_fast.errors import AuthError

from ingest.gateway.radio import border
from ingest.gateway.radio.border import RadioFault, bounded, radio_faults


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BleakDBusError("org.bluez.Error.InProgress", ["Operation already in progress"]),
         "InProgress"),
        (BleakDBusError("org.bluez.Error.Failed", ["le-connection-abort-by-local"]),
         "le-connection-abort-by-local"),
        (BleakDBusError("org.bluez.Error.Failed", ["Software caused connection abort"]), "Failed"),
        (BleakDBusError("org.bluez.Error.Failed", []), "Failed"),
        (BleakDeviceNotFoundError("C0:FF:EE:00:00:01", "not found"), "device_gone"),
        (BleakCharacteristicNotFoundError("2a37"), "characteristic_missing"),
        (BleakGATTProtocolError(0x02), "gatt_refused"),
        (BleakBluetoothNotAvailableError("", BleakBluetoothNotAvailableReason.POWERED_OFF),
         "bluetooth_not_available"),
        (BleakError("failed to discover services, device disconnected"), "bleak"),
        (AuthError("refused"), "bus"),
        (ConnectionRefusedError(), "bus"),
        (EOFError(), "bus"),
        (TimeoutError(), "timeout"),
    ],
)  # fmt: skip
def test_what_a_radio_does_is_a_fault_with_a_short_word(error, reason):
    with pytest.raises(RadioFault) as raised, radio_faults():
        raise error

    assert (raised.value.reason, raised.value.__cause__) == (reason, error)


@pytest.mark.parametrize("bug", [KeyError("path"), TypeError(), ValueError(), AssertionError()])
def test_a_bug_is_no_fault(bug):
    with pytest.raises(type(bug)), radio_faults():
        raise bug


def test_a_call_that_answers_its_cancelling_by_hanging_ends_all_the_same(monkeypatch):
    monkeypatch.setattr(border, "CANCEL_AGAIN_S", 0.01)
    cancelled = 0

    async def hangs():
        nonlocal cancelled
        while cancelled < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled += 1

    with pytest.raises(RadioFault, match="timeout"):
        asyncio.run(bounded(hangs(), 0.01))

    assert cancelled == 3


def test_a_call_in_time_gives_its_result_or_its_fault():
    async def answers():
        return 7

    async def fails():
        raise BleakError

    assert asyncio.run(bounded(answers(), 1)) == 7
    with pytest.raises(RadioFault, match="bleak"):
        asyncio.run(bounded(fails(), 1))
