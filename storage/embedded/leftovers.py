"""What a killed server leaves behind: processes that still run in its data folder.

Server processes stand in their data folder, so /proc tells them from everything else. Where there
is no /proc nothing is found, and PostgreSQL's own checks decide.
"""

import os
import signal
import time
from pathlib import Path

POLL_S = 0.02


def running_in(data: Path) -> list[int]:
    """Return the ids of processes whose current folder is `data`."""
    found = []
    try:
        wanted = data.stat()
        entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return []
    for entry in entries:
        try:
            here = (entry / "cwd").stat()
        except OSError:  # not ours to see, or gone meanwhile
            continue
        if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry.name))
    return found


def postmaster_pid(data: Path) -> int | None:
    """Return the process id that `postmaster.pid` names, alive or not."""
    try:
        return int((data / "postmaster.pid").read_text("ascii").split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def clear(data: Path, *, patience_s: float = 10) -> None:
    """End what still runs in `data`, and remove a pid file that names a stranger.

    The caller holds the folder's lock, so whoever started these processes is gone. A whole server
    is asked to shut down first; what is left of a killed one is killed: its memory is of no use,
    and crash recovery starts from the log.
    """
    postmaster = postmaster_pid(data)
    processes = running_in(data)
    if postmaster in processes:
        _signal(postmaster, signal.SIGINT)
        _wait_until_gone(data, patience_s)
    for process in running_in(data):
        _signal(process, signal.SIGKILL)
    _wait_until_gone(data, patience_s)
    if postmaster is not None and _is_alive(postmaster) and not running_in(data):
        # The number went to another process meanwhile; PostgreSQL would take that for a server.
        (data / "postmaster.pid").unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    return Path("/proc", str(process), "cwd").is_symlink()


def _signal(process: int | None, number: signal.Signals) -> None:
    if process is None:
        return
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return


def _wait_until_gone(data: Path, patience_s: float) -> None:
    end = time.monotonic() + patience_s
    while running_in(data) and time.monotonic() < end:
        time.sleep(POLL_S)
