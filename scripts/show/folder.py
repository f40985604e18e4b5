"""The demo's state folder: where everything of one demo lies, from spools to logs."""

from dataclasses import dataclass
from pathlib import Path

from config.errors import Misconfigured
from config.language import _


@dataclass(frozen=True)
class ShowFolder:
    """Paths in the folder of one demo."""

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
    def settings(self) -> Path:
        """What hub, watch, nightly and portal are given."""
        return self.path / "district.toml"

    @property
    def messages(self) -> Path:
        """Where alerts are delivered to: a line for each message."""
        return self.path / "alerts.jsonl"

    def log(self, name: str) -> Path:
        """Return where one of the processes writes its log."""
        return self.path / f"{name}.log"

    def box(self, centre: str) -> Path:
        """Return the data folder of a centre's box."""
        return self.path / "boxes" / centre

    def box_settings(self, centre: str) -> Path:
        """Return what `adhere gateway run --settings` is given for a centre's box."""
        return self.path / "boxes" / f"{centre}.toml"


def new_folder(path: Path) -> ShowFolder:
    """Make the folder; raise Misconfigured where it holds anything or cannot be used."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise Misconfigured(
                _("%(folder)s is not empty: a demo starts anew, name another with --data.")
                % {"folder": path}
            )
    except OSError as error:
        raise Misconfigured(
            _("%(folder)s cannot be used (%(why)s): name another folder with --data.")
            % {"folder": path, "why": error.strerror}
        ) from error
    return ShowFolder(path.absolute())
