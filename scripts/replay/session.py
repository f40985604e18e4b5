"""A replay as a person starts it: a quiet log, a progress bar, and Ctrl-C that loses nothing."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from config.conventions import Conventions
from config.language import _
from scripts.replay.folder import state_folder
from scripts.replay.recording import Recording
from scripts.replay.run import Options, Replayed, Watch, replay
from scripts.replay.shares import Shares
from scripts.stopping import stop_in_order

EXIT_DIFFERENT = 1
EXIT_INTERRUPTED = 130


def run(
    read: Callable[[], Recording], folder: Path, options: Options, conventions: Conventions
) -> Replayed:
    """Read the recording and replay it; raises what `replay` raises."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    shares = Shares()
    with shares.part("read"):
        recording = read()
    with state_folder(folder) as state, _progress(recording.readings) as watch:

        async def main() -> Replayed:
            stop = asyncio.Event()
            stop_in_order(stop)
            return await replay(
                recording,
                conventions=conventions,
                folder=state,
                options=options,
                shares=shares,
                watch=watch,
                stop=stop,
            )

        return asyncio.run(main())


@contextmanager
def _progress(readings: int) -> Iterator[Watch]:
    """Show a bar to a person, nothing to a program."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda _committed: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(_("starting"), total=readings)

        def watch(committed: int) -> None:
            done = committed >= readings
            words = _("computing weeks") if done else _("readings committed")
            progress.update(task, completed=committed, description=words)

        yield watch
