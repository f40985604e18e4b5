"""A server does not outlive whoever started it, even one that is killed.

A small shell holds one end of a pipe, we the other. When we are gone, however we went, its end
closes, and it asks the server to shut down; if the server is another by then, it does nothing.
"""

import subprocess
from pathlib import Path

from storage.embedded.account import Account, plain_environment

_SCRIPT = """
read -r _
read -r running < "$1/postmaster.pid" && [ "$running" = "$0" ] && kill -INT "$0"
"""


class Guard:
    """Watches over one run of a server until `release`."""

    def __init__(self, account: Account, data: Path, pid: int) -> None:
        self._shell = subprocess.Popen(  # noqa: S603 - our own fixed script
            ["/bin/sh", "-c", _SCRIPT, str(pid), str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=plain_environment(),
            start_new_session=True,
            user=account.uid if account.is_other else None,
            group=account.gid if account.is_other else None,
            extra_groups=[] if account.is_other else None,
        )

    def release(self) -> None:
        """Stop watching: the server has ended, or is to end by other means."""
        self._shell.kill()
        self._shell.communicate()
