"""A demo as a person starts it: a quiet log, a line that says what is done, and Ctrl-C."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from config.conventions import Conventions
from scripts.replay.shares import Shares
from scripts.show.folder import new_folder
from scripts.show.result import Shown
from scripts.show.run import Options, showing
from scripts.show.weeks import live_weeks

Reader = Callable[[Shown], None]
"""Given what came of it, while the pages can be visited."""


def run(
    monday: datetime,
    *,
    seed: int,
    folder: Path,
    options: Options,
    conventions: Conventions,
    then: Reader,
    serve: bool,
) -> Shown:
    """Run the demo, hand over what came of it, and with `serve` go on until Ctrl-C.

    Raises what `showing` raises.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    shares = Shares()
    state = new_folder(folder)

    async def main() -> Shown:
        stop = asyncio.Event()
        _stop_on_signals(stop)
        with _telling() as telling:
            with shares.part("read"):
                weeks = live_weeks(monday, seed)
            async with showing(
                weeks,
                conventions=conventions,
                folder=state,
                options=options,
                shares=shares,
                tell=telling.tell,
                stop=stop,
            ) as stage:
                telling.end()
                then(stage.shown)
                if serve:
                    await stage.go_on()
        return stage.shown

    return asyncio.run(main())


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Let the first Ctrl-C end in order, and a second one at once."""
    loop = asyncio.get_running_loop()

    def first(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, first, number)


class _Telling:
    """A line that says what is being done, for a person; nothing for a program."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = None if progress is None else progress.add_task("", total=None)

    def tell(self, words: str) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=words)

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()


@contextmanager
def _telling() -> Iterator[_Telling]:
    if not sys.stderr.isatty():
        yield _Telling(None)
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield _Telling(progress)
