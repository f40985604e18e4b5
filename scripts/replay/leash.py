"""Run a command that ends with its parent: `python -m scripts.replay.leash PARENT COMMAND...`.

However the parent ends, SIGKILL included, the kernel then sends SIGTERM to the command, so a killed
replay leaves no hub behind.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""<linux/prctl.h>; it survives execve, but not a change of user."""


def leashed(argv: list[str]) -> list[str]:
    """Return the command line that runs `argv` on a leash held by this process."""
    return [sys.executable, "-m", "scripts.replay.leash", str(os.getpid()), *argv]


def main() -> None:
    """Take the leash, then become the command."""
    parent, *argv = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it ended before we asked the kernel
        sys.exit(1)
    os.execvp(argv[0], argv)  # noqa: S606 - our own command line, no shell wanted


if __name__ == "__main__":
    main()
