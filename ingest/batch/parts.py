"""Items that several messages of the contract have, checked alike.

Each function returns the item, or raises Rejected("malformed").
"""

import re
from math import isfinite
from typing import Any

from config.errors import Rejected
from ingest.batch.columns import is_device_key
from ingest.batch.limits import MAX_UTC_MS

MAX_BPM = 1_000.0
"""Beyond any heart: only what no sensor can mean is refused here."""
MAX_SUBJECT = 64
WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""Names of rules and of families of bands."""


def is_subject(name: str) -> bool:
    """Say whether a person may be called that: 1 to 64 characters that can be shown."""
    return 0 < len(name) <= MAX_SUBJECT and name.isprintable()


def as_device_key(item: object) -> str:
    """Take a band's address or serial."""
    if not isinstance(item, str) or not is_device_key(item):
        raise Rejected("malformed", "a band cannot be called that")
    return item


def as_subject(item: object) -> str:
    """Take a pseudonym: 1 to 64 characters that can be shown."""
    if not isinstance(item, str) or not is_subject(item):
        raise Rejected("malformed", "a pseudonym cannot be that")
    return item


def as_word(item: object) -> str:
    """Take the name of a rule or of a family."""
    if not isinstance(item, str) or not WORD.fullmatch(item):
        raise Rejected("malformed", "a name of a rule or of a family cannot be that")
    return item


def as_bpm(item: object) -> float:
    """Take a heart rate: a number above 0."""
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise Rejected("malformed", "a heart rate is no number")
    if not isfinite(item) or not 0 < item <= MAX_BPM:
        raise Rejected("malformed", "a heart rate is out of range")
    return float(item)


def as_utc_ms(item: object) -> int:
    """Take a time from 1970 to 9999."""
    if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item <= MAX_UTC_MS:
        raise Rejected("malformed", "a time is missing or out of range")
    return item


def as_map(item: object) -> dict[int | str, Any]:
    """Take a map."""
    if not isinstance(item, dict):
        raise Rejected("malformed", "no map")
    return item
