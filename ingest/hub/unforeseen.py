"""A fault that one message brings about and nobody foresaw: it costs that message, not the hub.

What cannot be one message's fault (the database is away, is not ours, broke its word; no memory) is
none of these and goes on its way.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.errors import Rejected

OF_ONE_MESSAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def alone() -> Iterator[None]:
    """Raise Rejected("unforeseen") for such a fault; the detail says where, and no value."""
    try:
        yield
    except OF_ONE_MESSAGE as error:
        raise Rejected("unforeseen", f"{type(error).__name__} in {_place(error)}") from error


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]  # never empty: it was raised below us
    return f"{Path(last.filename).name}:{last.lineno}"
