"""What every measurement asks of the terminal: a folder of its own, a bar, JSON for programs."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from config.language import _

AsJson = Annotated[bool, typer.Option("--json", help=_("Print JSON, for programs."))]


@contextmanager
def new_folder() -> Iterator[Path]:
    """Yield a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="adhere-bench-") as name:
        if os.geteuid() == 0:
            # The database runs as another account then, and has to pass through here.
            Path(name).chmod(0o711)
        yield Path(name)


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar for what is under way where a person watches; yield how to move it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as bar:
        task = bar.add_task("", total=1)
        yield lambda what, done: bar.update(task, description=what, completed=done)
