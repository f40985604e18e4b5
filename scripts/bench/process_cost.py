"""What one other process costs, as the kernel accounts for it: proc_pid_stat(5) and _status(5)."""

import os
from dataclasses import dataclass
from pathlib import Path

from config.errors import Unavailable
from config.language import _

MB = 2**20


@dataclass
class ProcessCost:
    """One process, looked at from outside."""

    pid: int

    def cpu_s(self) -> float:
        """Return the processor seconds it has used so far, its threads' included."""
        user, system = self._read("stat").rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Return the memory it holds now, in MiB."""
        return self._memory("VmRSS")

    def peak_rss_mb(self) -> float:
        """Return the most memory it ever held, in MiB."""
        return self._memory("VmHWM")

    def _memory(self, name: str) -> float:
        for line in self._read("status").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / MB
        raise self._gone()

    def _read(self, name: str) -> str:
        try:
            return Path(f"/proc/{self.pid}/{name}").read_text("utf-8")
        except OSError as error:
            raise self._gone() from error

    def _gone(self) -> Unavailable:
        return Unavailable(_("the measured process %(pid)d has ended") % {"pid": self.pid})
