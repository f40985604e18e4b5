"""Match rules: which signals a client asked for.

D-Bus Specification 0.43, "Match Rules". Signals alone are matched: this bus has no eavesdroppers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dbus_fast import Message

KEYS = frozenset(
    {"type", "sender", "interface", "member", "path", "path_namespace", "destination"}
    | {"arg0namespace", "eavesdrop"}
)
NUMBERED = re.compile(r"arg(\d{1,2})(path)?")
PART = re.compile(r"\s*(\w+)=(?:'([^']*)'|([^,]*))(?:,|$)")


@dataclass(frozen=True)
class Rule:
    """One rule as a client wrote it; two rules with the same text are two rules."""

    wanted: Mapping[str, str]

    def matches(self, signal: Message, senders: frozenset[str]) -> bool:
        """Tell whether the signal is wanted; `senders` are all the names of who sends it."""
        stated: dict[str, Any] = {
            "interface": signal.interface,
            "member": signal.member,
            "path": signal.path,
            "destination": signal.destination,
        }
        for key, value in self.wanted.items():
            if key in stated:
                if stated[key] != value:
                    return False
            elif not self._matches_otherwise(key, value, signal, senders):
                return False
        return True

    @staticmethod
    def _matches_otherwise(  # noqa: PLR0911 - one return a kind of key
        key: str, value: str, signal: Message, senders: frozenset[str]
    ) -> bool:
        if key == "type":
            return value == "signal"
        if key == "sender":
            return value in senders
        if key == "path_namespace":
            return value == "/" or f"{signal.path}/".startswith(f"{value}/")
        if key == "arg0namespace":
            first = signal.body[0] if signal.body else None
            return isinstance(first, str) and f"{first}.".startswith(f"{value}.")
        numbered = NUMBERED.fullmatch(key)
        if numbered is None:
            return True  # eavesdrop: accepted, and nothing is overheard
        index = int(numbered[1])
        argument = signal.body[index] if index < len(signal.body) else None
        if not isinstance(argument, str):
            return False
        if not numbered[2]:
            return argument == value
        return (
            argument == value
            or (value.endswith("/") and argument.startswith(value))
            or (argument.endswith("/") and value.startswith(argument))
        )


def parse(text: str) -> Rule:
    """Return the rule of a text, quoted or not; ValueError names what is wrong with it."""
    wanted: dict[str, str] = {}
    at = 0
    while at < len(text):
        part = PART.match(text, at)
        if part is None or part.end() == at:
            raise ValueError(f"cannot read the rule from: {text[at:]}")
        key, quoted, bare = part.groups()
        if key not in KEYS and NUMBERED.fullmatch(key) is None:
            raise ValueError(f"unknown key: {key}")
        wanted[key] = quoted if quoted is not None else bare
        at = part.end()
    return Rule(wanted)
