"""Work that makes sense only as long as its helpers live."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from config.errors import AdhereError, Unavailable
from config.language import _

LOOK_S = 0.3

Result = TypeVar("Result")


async def while_lives(
    work: Coroutine[Any, Any, Result], *helpers: Coroutine[Any, Any, None]
) -> Result:
    """Do `work`; when a helper's watch raises first, cancel it and raise that."""
    working = asyncio.create_task(work)
    watches = {asyncio.create_task(helper) for helper in helpers}
    try:
        await asyncio.wait({working, *watches}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        for watch in watches:
            if watch.done():
                watch.result()
        return await working
    finally:
        for task in (working, *watches):
            task.cancel()
        await asyncio.wait({working, *watches})


async def alive(name: str, pid: Callable[[], int | None]) -> None:
    """Look now and then whether a process still has its id; raise Unavailable when not."""
    while pid() is not None:  # noqa: ASYNC110 - the end of a process sets no event here
        await asyncio.sleep(LOOK_S)
    raise Unavailable(
        _("%(name)s ended. Nothing is lost: run the same command again to go on.") % {"name": name}
    )


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return one fault out of the groups of groups: the first that is foreseen, or the first."""
    leaves: list[BaseException] = []
    rest: list[BaseException] = [group]
    while rest:
        error = rest.pop(0)
        if isinstance(error, BaseExceptionGroup):
            rest.extend(error.exceptions)
        else:
            leaves.append(error)
    return next((leaf for leaf in leaves if isinstance(leaf, AdhereError)), leaves[0])
