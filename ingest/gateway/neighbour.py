"""A band that is heard and registered to nobody."""

from typing import NamedTuple

BROADCAST = "hrs"
"""The family of whatever offers the standard Heart Rate Service: watches in broadcast mode too."""


class Neighbour(NamedTuple):
    """What may be shown of it: never a value."""

    address: str
    families: tuple[str, ...]
    """What it may be, by its adverts."""
    name: str = ""
    """As it calls itself; empty for nothing."""
    rssi_dbm: int | None = None
    """How strong it is heard; nearer to 0 is nearer to the box."""

    @property
    def can_be_claimed(self) -> bool:
        """Whether it broadcasts a heart rate that somebody may say is theirs."""
        return BROADCAST in self.families
