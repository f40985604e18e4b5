"""What a look at one part of the box found, and what its operator is to do."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

State = Literal["ok", "warn", "bad"]
ORDER: tuple[State, ...] = ("ok", "warn", "bad")


class Finding(NamedTuple):
    """One line of the check. No value of a patient, no name, no key."""

    part: str
    """`radio`, `clock`, ...: a fixed word, for programs."""
    state: State
    says: str
    """In the language of the process."""
    do: str = ""
    """Empty where nothing is to be done."""


def worst(findings: Iterable[Finding]) -> State:
    """Return the worst state among findings; `ok` of none."""
    return max((one.state for one in findings), key=ORDER.index, default="ok")
