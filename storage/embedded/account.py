"""Which account runs the server, and which folders that account can reach.

PostgreSQL refuses to run as root. So as root the server runs as an existing unprivileged account,
and what it needs lies where that account can reach it. No permission of any existing folder is
changed, and no account is made.
"""

import os
import pwd
import subprocess
from pathlib import Path
from typing import NamedTuple

from config.errors import Misconfigured
from config.language import _

DEFAULT_ACCOUNT = "nobody"
"""Exists everywhere. Where other services run as it too, name an account of the server's own."""


class Account(NamedTuple):
    """Who the server runs as."""

    uid: int
    gid: int
    is_other: bool
    """It is not us: we are root, and hand over."""

    @classmethod
    def of_this_process(cls, name: str | None = None) -> "Account":
        """Return ourselves, or as root the unprivileged account called `name`."""
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), is_other=False)
        wanted = name or DEFAULT_ACCOUNT
        try:
            entry = pwd.getpwnam(wanted)
        except KeyError:
            raise Misconfigured(
                _(
                    "There is no account %(name)s to run PostgreSQL as: "
                    "name an existing one that is not root."
                )
                % {"name": wanted}
            ) from None
        if entry.pw_uid == 0:
            raise Misconfigured(
                _("PostgreSQL does not run as root: name an account that is not root.")
            )
        return cls(entry.pw_uid, entry.pw_gid, is_other=True)

    def run(self, command: list[str]) -> subprocess.CompletedProcess[bytes]:
        """Run a command as this account and wait for it; failure is the caller's to see."""
        return subprocess.run(  # noqa: S603 - the commands are fixed in this package
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd="/",
            env=plain_environment(),
            user=self.uid if self.is_other else None,
            group=self.gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        )

    def reaches(self, path: Path) -> bool:
        """Whether the account can get at `path`; the kernel answers, so ACLs count too."""
        if not self.is_other:
            return True
        return self.run(["/bin/sh", "-c", 'test -x "$0"', str(path)]).returncode == 0

    def make_private(self, folder: Path) -> None:
        """Make a folder that is this account's alone (0700); an existing one must already be so."""
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.stat()
            if found.st_uid not in {self.uid, os.geteuid()}:
                raise Misconfigured(
                    _("%(folder)s belongs to another user: name another folder.")
                    % {"folder": folder}
                ) from None
            return
        if self.is_other:
            os.chown(folder, self.uid, self.gid)


def plain_environment() -> dict[str, str]:
    """Return an environment that owes nothing to the caller's: no PG* variable, no locale."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
