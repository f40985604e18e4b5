"""What the kernel says of the wall clock: whether something (NTP, a GPS) keeps it right.

`adjtimex` (Linux) is asked and nothing is set. Setting the clock by hand makes the kernel say that
it is no longer synchronised, until the time service has seen to it.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

STA_UNSYNC = 0x0040
TIME_ERROR = 5
"""What adjtimex returns where the clock is not synchronised."""
_ROOM_BYTES = 512
"""More than any architecture's `struct timex`."""
_STATUS_AT = ctypes.sizeof(ctypes.c_long) * 5
"""After modes (padded to a long), offset, freq, maxerror, esterror."""


def kernel_is_synchronised() -> bool:
    """Say whether the kernel counts the wall clock as synchronised; False where it cannot say."""
    adjtimex = _adjtimex()
    if adjtimex is None:
        return False
    timex = ctypes.create_string_buffer(_ROOM_BYTES)  # modes = 0: only look
    state = adjtimex(timex)
    status = ctypes.c_int.from_buffer(timex, _STATUS_AT).value
    return state not in (-1, TIME_ERROR) and not status & STA_UNSYNC


@cache
def _adjtimex() -> Callable[[Any], int] | None:
    return getattr(ctypes.CDLL(None), "adjtimex", None)
