"""Frames that say their own length, put together from the pieces in which a link delivers them.

A notification is no frame: a long frame comes in several, and short ones come together in one.
"""

from collections.abc import Callable

from config.errors import Rejected

LengthOf = Callable[[bytes], int | None]
"""Bytes of the frame that begins here; None while too little is there to tell; raises Rejected."""


class Reassembly:
    """One direction of one characteristic. There is no mark between frames but their length."""

    def __init__(self, length_of: LengthOf, check: Callable[[bytes], None]) -> None:
        """Take how long a frame is, and what raises Rejected for one that is not sound."""
        self._length_of, self._check = length_of, check
        self._rest = b""

    @property
    def is_waiting(self) -> bool:
        """A frame has begun whose end has not come."""
        return bool(self._rest)

    def take(self, piece: bytes) -> list[bytes]:
        """Return the frames that end in this piece.

        Raise Rejected where they are none; what began before is then forgotten, and all begins
        anew with the next piece. So it does after a lost piece: frames that are sound and whole by
        themselves are no middle of another.
        """
        if self._rest and (frames := self._whole(piece)) is not None:
            self._rest = b""
            return frames
        data, self._rest = self._rest + piece, b""
        frames, self._rest = self._cut(data)
        return frames

    def _whole(self, piece: bytes) -> list[bytes] | None:
        try:
            frames, rest = self._cut(piece)
        except Rejected:
            return None
        return frames if frames and not rest else None

    def _cut(self, data: bytes) -> tuple[list[bytes], bytes]:
        frames, start = [], 0
        while start < len(data):
            length = self._length_of(data[start:])
            if length is None or start + length > len(data):
                break
            frame = data[start : start + length]
            self._check(frame)
            frames.append(frame)
            start += length
        return frames, data[start:]
