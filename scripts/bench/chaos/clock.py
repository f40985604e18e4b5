"""The box's wall clock, set wrong and right again from outside.

A process of a chaos run takes its time from the kernel plus what a file says, and nothing in it can
tell: `time.time` and `time.time_ns` are the only wall clocks that the gateway asks. Monotonic
clocks stay true, as they do when somebody sets a real box's clock.
"""

import time
from pathlib import Path

DAY_S = 86_400
NS = 10**9


class BoxClock:
    """The file, from the observer's side."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set_right()

    def jump(self, seconds: int) -> None:
        """Set the box's clock ahead of the true time by so much; back where it is negative."""
        part = self.path.with_suffix(".part")
        part.write_text(str(seconds), "ascii")
        part.replace(self.path)

    def set_right(self) -> None:
        """Set it to the true time."""
        self.jump(0)


def go_by(path: Path) -> None:
    """Let this process go by the box's clock from now on."""
    kernel_ns = time.time_ns

    def box_ns() -> int:
        return kernel_ns() + int(path.read_text("ascii")) * NS

    time.time_ns = box_ns
    time.time = lambda: box_ns() / NS
