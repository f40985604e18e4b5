"""A demo as a person starts it: a quiet log, a line that says what is done, and Ctrl-C."""

import asyncio
import logging
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
from scripts.stopping import stop_in_order

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
        stop_in_order(stop)
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
