"""How long Polars keeps memory that one block no longer needs, for the next one.

By itself it gives it back within a second, and asks for it again a moment later; over a long
recording that is a noticeable part of the time.
"""

import os

ALLOCATOR = "_RJEM_MALLOC_CONF"
"""Read by the allocator inside Polars (jemalloc) when Polars is loaded."""
TEN_SECONDS = "dirty_decay_ms:10000,muzzy_decay_ms:10000"


def keep_for_the_next_block() -> None:
    """Let Polars keep memory for ten seconds; call it before Polars is loaded.

    Whoever has set the variable knows better.
    """
    os.environ.setdefault(ALLOCATOR, TEN_SECONDS)
