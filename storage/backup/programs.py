"""pg_dump and pg_restore for a server: those of its own version wherever it has them."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.errors import Misconfigured, Unavailable
from config.language import _
from storage.embedded import programs as embedded

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_FAULT = re.compile(r"^pg_(?:dump|restore): (?:error|fatal): (.{1,300})", re.MULTILINE)
INSTALLED = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/usr/local/pgsql/bin")
NEWEST_LOOKED_FOR = 30
SETS_MORE_FROM = 17
"""Its pg_restore begins with a setting (transaction_timeout) that older servers do not know."""


class Programs(NamedTuple):
    """A folder that holds pg_dump and pg_restore, and of which major version they are."""

    folder: Path
    major: int

    @contextmanager
    def started(self, name: str, words: Sequence[str], dsn: str) -> Iterator[Callable[[], None]]:
        """Start a program; yield what waits for it; leaving before that ends it.

        `dsn` reaches it without its password, which goes by the environment: other users see
        command lines. Waiting raises Unavailable with the program's word, never with a row's value.
        """
        rest, password = without_password(dsn)
        process = subprocess.Popen(  # noqa: S603 - our own fixed command
            [str(self.folder / name), "--no-password", f"--dbname={rest}", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=os.environ | ({"PGPASSWORD": password} if password else {}) | {"LC_ALL": "C"},
        )

        def wait() -> None:
            _out, said = process.communicate()
            if process.returncode != 0:
                raise Unavailable(f"{name}: {_fault(said) or process.returncode}")

        try:
            yield wait
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def run(self, name: str, words: Sequence[str], dsn: str) -> None:
        """Run a program to its end; raises as `started` says."""
        with self.started(name, words, dsn) as wait:
            wait()

    def contents(self, dump: Path) -> list[str]:
        """Return the lines of a dump's table of contents."""
        done = subprocess.run(  # noqa: S603 - our own fixed command
            [str(self.folder / "pg_restore"), "--list", str(dump)],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode != 0:
            raise Unavailable(f"pg_restore: {_fault(done.stderr) or done.returncode}")
        return [line for line in done.stdout.splitlines() if line and not line.startswith(";")]


def without_password(dsn: str) -> tuple[str, str]:
    """Return a DSN that may stand on a command line, and the password that may not."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise Misconfigured(
            _("The database DSN cannot be read: write postgresql://user:password@host/database.")
        ) from None
    password = str(parts.pop("password", None) or "")
    return make_conninfo("", **parts), password


def find(server_major: int, folder: Path | None = None) -> Programs:
    """Return programs of the server's major version, or the nearest newer ones.

    Looked for in `folder` alone if given, else where distributions put them, on the PATH, and in
    the wheel of the embedded server. A newer pg_dump reads an older server, never the reverse; but
    what those from 17 on write and say no server before 17 can be restored with.
    """
    found = sorted(
        (
            one
            for one in _candidates(folder)
            if one.major >= server_major
            and (one.major < SETS_MORE_FROM or server_major >= SETS_MORE_FROM)
        ),
        key=lambda one: one.major,
    )
    if found:
        return found[0]
    if folder is not None:
        raise Misconfigured(
            _("%(folder)s holds no pg_dump and pg_restore of PostgreSQL %(major)d or newer")
            % {"folder": folder, "major": server_major}
        )
    raise Misconfigured(
        _(
            "No pg_dump and pg_restore of PostgreSQL %(major)d or newer were found: install "
            "postgresql-client-%(major)d, or name their folder in backup.programs."
        )
        % {"major": server_major}
    )


def _candidates(folder: Path | None) -> Iterator[Programs]:
    for place in [folder] if folder is not None else _places():
        if not (place / "pg_restore").exists():
            continue
        done = subprocess.run(  # noqa: S603 - our own fixed command
            [str(place / "pg_dump"), "--version"], check=False, capture_output=True, text=True
        )
        version = _VERSION.search(done.stdout)
        if done.returncode == 0 and version:
            yield Programs(place, int(version[1]))


def _places() -> list[Path]:
    known = [Path(name.format(n)) for name in INSTALLED for n in range(15, NEWEST_LOOKED_FOR)]
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        known.append(Path(on_path).parent)
    if embedded.is_installed():
        known.append(embedded.site() / embedded.PARTS[0])
    return [place for place in dict.fromkeys(known) if (place / "pg_dump").exists()]


def _fault(said: str) -> str:
    """Return the first error line; what follows it (DETAIL, CONTEXT) may quote a row."""
    found = _FAULT.search(said)
    return found[1] if found else ""
