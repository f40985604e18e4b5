"""The state folder of a replay: what it keeps between runs, and for one replay at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.errors import Misconfigured
from config.language import _


@dataclass(frozen=True)
class StateFolder:
    """Where everything of a replay lies. Delete it and the next replay starts anew."""

    path: Path

    @property
    def postgres(self) -> Path:
        """The embedded database."""
        return self.path / "postgres"

    @property
    def hub(self) -> Path:
        """The hub's key."""
        return self.path / "hub"

    @property
    def hub_settings(self) -> Path:
        """What `adhere hub --settings` is given."""
        return self.path / "district.toml"

    @property
    def hub_log(self) -> Path:
        """What the hub said."""
        return self.path / "hub.log"

    @property
    def gateways(self) -> Path:
        """A folder for each box: its key and its spool."""
        return self.path / "gateways"

    @property
    def reports(self) -> Path:
        """Workbooks, unless another folder is named."""
        return self.path / "reports"


@contextmanager
def state_folder(path: Path) -> Iterator[StateFolder]:
    """Make the folder if need be, and hold it; raise Misconfigured where another replay has it."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Misconfigured(
                    _("Another replay uses %(folder)s: wait for it, or name another with --data.")
                    % {"folder": path}
                ) from None
            yield StateFolder(path.absolute())
    except OSError as error:
        raise Misconfigured(
            _("%(folder)s cannot be used (%(why)s): name another folder with --data.")
            % {"folder": path, "why": error.strerror}
        ) from error
