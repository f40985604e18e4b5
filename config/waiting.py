"""How long to wait before trying again: many who lost the same server must not return at once."""

import random


def spread_s(longest_s: float) -> float:
    """Return a random wait, from half of the longest to the whole of it."""
    return random.uniform(longest_s / 2, longest_s)  # noqa: S311 - spreads load, no secret
