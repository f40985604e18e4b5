"""Where bleak and D-Bus end: their errors become one of ours, and their waits have an end.

What a radio does when people walk about is no bug: a band out of reach, a connection that two
sides began at once, a bus that is restarted. Each such error becomes a RadioFault with a short
word; whatever is not listed here is a bug and ends the process.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from dbus_fast.errors import DBusFastError

from config.errors import Unavailable

Result = TypeVar("Result")

CANCEL_AGAIN_S = 1.0
"""bleak ends a cancelled call by a call of its own, which may hang in its turn."""

WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (BleakBluetoothNotAvailableError, "bluetooth_not_available"),
    (BleakDeviceNotFoundError, "device_gone"),
    (BleakCharacteristicNotFoundError, "characteristic_missing"),
    (BleakGATTProtocolError, "gatt_refused"),
    (BleakError, "bleak"),
    (BaseException, "bus"),
)


class RadioFault(Unavailable):
    """The radio did not do what was asked; `reason` is a short fixed word, counted and logged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextlib.contextmanager
def radio_faults() -> Iterator[None]:
    """Turn what bleak and dbus-fast raise when the world is as it is into a RadioFault."""
    try:
        yield
    except (BleakError, DBusFastError, OSError, EOFError) as error:  # TimeoutError is an OSError
        raise RadioFault(reason_of(error)) from error


def reason_of(error: BaseException) -> str:
    """Return the word for an error: of a fixed set, or the last part of a D-Bus error's name."""
    if isinstance(error, BleakDBusError):
        return _detail_of(error) or error.dbus_error.rpartition(".")[2]
    return next(word for kind, word in WORDS if isinstance(error, kind))


async def bounded(doing: Coroutine[Any, Any, Result], within_s: float) -> Result:
    """Await `doing`, at most `within_s`; raise RadioFault("timeout") then, and for its own faults.

    A plain timeout is not enough: it cancels once, and bleak answers by waiting for a Disconnect
    that a sick adapter never confirms. Here the call is cancelled until it ends.
    """
    task = asyncio.ensure_future(doing)
    try:
        done, _ = await asyncio.wait({task}, timeout=within_s)
    finally:
        await ended(task)
    if not done:
        raise RadioFault("timeout")
    with radio_faults():
        return task.result()


async def ended(task: asyncio.Future[Any]) -> None:
    """Cancel a task until it ends; what it raised stays in the task."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)


def _detail_of(error: BleakDBusError) -> str | None:
    """Return what BlueZ adds to "Failed", where it is one word such as a kernel's abort reason."""
    detail = error.dbus_error_details
    return detail if detail and error.dbus_error.endswith(".Failed") and " " not in detail else None
