"""What a hub hands over: one verified batch, its readings as NumPy columns."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.errors import Rejected
from storage.reading_tables import TABLE_OF

_UNFIT = re.compile("[\x00\n]")
"""What no name of a device may hold: the database refuses the one, the other parts names."""
SEQ_END = 2**40
"""No gateway comes to this number: a batch a second is 34,000 years. So no sum overflows."""
LATEST_SEALED_MS = 253_402_300_799_999
"""The end of the year 9999: what calendars, and PostgreSQL's dates in Python, can hold."""


@dataclass(frozen=True, slots=True, eq=False)
class ReadingColumns:
    """Readings of one quantity: arrays of one length, in the order they came.

    `device_ts_ms` is None where no reading has a stamp of the band; those that have one come in
    columns of their own. Raises Rejected for an unknown quantity or arrays of unequal length.
    """

    quantity: str
    device_index: NDArray[np.integer]
    """Into `IncomingBatch.devices`."""
    at_utc_ms: NDArray[np.int64]
    value: NDArray[np.floating | np.integer]
    span_ms: NDArray[np.integer]
    flags: NDArray[np.uint8]
    device_ts_ms: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Check what the rest of the way relies on."""
        if self.quantity not in TABLE_OF:
            raise Rejected("malformed", "unknown quantity")
        arrays = [self.device_index, self.at_utc_ms, self.value, self.span_ms, self.flags]
        if self.device_ts_ms is not None:
            arrays.append(self.device_ts_ms)
        if len({len(array) for array in arrays}) != 1:
            raise Rejected("malformed", "columns of unequal length")


@dataclass(frozen=True, slots=True, eq=False)
class IncomingBatch:
    """One batch whose signature, topic and key are verified. Raises Rejected if malformed."""

    gateway_id: int
    boot: bytes
    seq: int
    content_sha256: bytes
    previous_sha256: bytes | None
    lane: str
    schema_version: int
    sealed_utc_ms: int
    sealed_mono_ms: int
    devices: tuple[str, ...]
    columns: Sequence[ReadingColumns]
    sealed: bytes
    """The signed bytes as they came; kept as evidence."""
    declared: tuple[int, int, int, int] | None = None
    """What the spool says it has lost so far: readings unsealed, sealed, released; batches."""
    readings_before: int | None = None
    """In all batches that the spool had sealed before; None where its gateway does not say it."""
    unread: tuple[str, ...] = ()
    """Keys of the content that the hub's program does not know."""

    def __post_init__(self) -> None:
        """Check what the database would refuse: one bad batch must not fail its neighbours."""
        if not (
            len(self.boot) == 16  # noqa: PLR2004 - 128 bits
            and 0 <= self.seq < SEQ_END
            and 0 <= self.sealed_utc_ms <= LATEST_SEALED_MS
            and -(2**63) <= self.sealed_mono_ms < 2**63
            and 0 <= self.schema_version < 2**15
            and self.lane in {"live", "backlog"}
            and 0 <= (self.readings_before or 0) < 2**63
        ):
            raise Rejected("malformed", "head")
        if not all(self.devices) or _UNFIT.search("".join(self.devices)):
            raise Rejected("malformed", "device key")
        for columns in self.columns:
            index = columns.device_index
            if len(index) and (
                index.max() >= len(self.devices) or (index.dtype.kind == "i" and index.min() < 0)
            ):
                raise Rejected("malformed", "device index")

    @property
    def key(self) -> tuple[int, bytes, int]:
        """What the ledger knows a batch by."""
        return (self.gateway_id, self.boot, self.seq)

    @property
    def reading_count(self) -> int:
        """All readings in it."""
        return sum(len(columns.at_utc_ms) for columns in self.columns)
