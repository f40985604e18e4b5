"""Alerts into a file, one JSON object a line, on disk before it counts: for an SMS gateway's hook.

The line carries the number of the outbox row. So a process that was killed while it wrote can look
whether the line is there: this channel knows, where mail does not.
"""

import json
import os
from collections import deque
from pathlib import Path

from alerts.message import Message
from alerts.sending import Answer, Fate

LINES_LOOKED_BACK = 10_000


class File:
    """A file as a channel; others may move it away at any time, then a new one is begun."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, delivery_id: int, message: Message) -> Answer:
        """Append one line and wait until it is on disk; see Channel."""
        line = json.dumps(
            {
                "delivery": delivery_id,
                "message_id": message.message_id,
                "subject": message.subject,
                "text": message.text,
                "link": message.link,
            },
            ensure_ascii=False,
        )
        try:
            with self._path.open("ab+") as file:
                # A line that was torn by a power cut is ended, so that ours is whole.
                begins = file.tell() == 0 or self._ends_in_newline(file.fileno())
                file.write((b"" if begins else b"\n") + line.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return Answer(Fate.LATER, type(error).__name__)
        return Answer(Fate.SENT)

    def recall(self, delivery_id: int) -> Fate:
        """Look whether the line is there."""
        try:
            with self._path.open("rb") as file:
                newest = deque(file, LINES_LOOKED_BACK)
        except FileNotFoundError:
            return Fate.LATER
        except OSError:
            return Fate.UNKNOWN
        return Fate.SENT if any(_names(line, delivery_id) for line in newest) else Fate.LATER

    @staticmethod
    def _ends_in_newline(descriptor: int) -> bool:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, 1, size - 1) == b"\n"


def _names(line: bytes, delivery_id: int) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("delivery") == delivery_id
