"""One advert comes as several messages, and through several scanners: it is one reading.

A value that was said just before, by whichever scanner, is the same advert. Of one scanner an even
pulse is taken once a second, as the radio takes it, so that somebody who rests at 72 does not seem
to be gone.
"""

from typing import NamedTuple

OTHERS_S = 1.5
"""Between two scanners' messages of one advert lie some hundredths of a second; with a busy
network a second or so."""
OWN_S = 0.9
"""A little under the second at which bands speak."""


class _Last(NamedTuple):
    value: float
    scanner: str
    mono_s: float


class Repeats:
    """The last value of each quantity of each registered band."""

    def __init__(self) -> None:
        """Start with none."""
        self._last: dict[tuple[str, str], _Last] = {}

    def is_new(
        self, device_key: str, quantity: str, value: float, scanner: str, mono_s: float
    ) -> bool:
        """Say whether this was not said just before, and note it if so; `mono_s`: when it was."""
        last = self._last.get((device_key, quantity))
        if last is not None and last.value == value:
            within_s = OWN_S if last.scanner == scanner else OTHERS_S
            if abs(mono_s - last.mono_s) < within_s:
                return False
        self._last[device_key, quantity] = _Last(value, scanner, mono_s)
        return True
