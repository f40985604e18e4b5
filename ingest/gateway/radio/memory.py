"""How far the memory of each band has been read and stored: kept in the spool's cursor.

The mark is stored in one transaction with the readings it speaks of, so that after a power cut a
band is asked for exactly what is missing.
"""

from collections.abc import Mapping

from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.basket import Basket


class Memory:
    """The marks, by band."""

    def __init__(self, cursor: Mapping[str, str], basket: Basket) -> None:
        """Begin where the spool stands."""
        self._cursor, self._basket = dict(cursor), basket
        self._gaps: set[Band] = set()

    def since_utc_ms(self, band: Band) -> int | None:
        """Return from when on to read, None: all that is there. A new link begins without gaps."""
        self._gaps.discard(band)
        mark = self._cursor.get(_name(band))
        return None if mark is None else int(mark)

    def newest_stamp_ms(self, band: Band) -> int | None:
        """Return the newest of the band's own stamps that was told, None: none."""
        mark = self._cursor.get(_stamps(band))
        return None if mark is None else int(mark)

    def told(self, band: Band, stamp_ms: int | None) -> None:
        """Note a stamp, where it is the newest and nothing was dropped: with what is there now."""
        before = self.newest_stamp_ms(band)
        if stamp_ms is None or band in self._gaps:
            return
        if before is None or stamp_ms > before:
            self._cursor[_stamps(band)] = str(stamp_ms)
            self._basket.mark({_stamps(band): str(stamp_ms)})

    def missed(self, band: Band) -> None:
        """Note that something of this link was dropped: it must be read again with the next."""
        self._gaps.add(band)

    def reached(self, band: Band, utc_ms: int | None) -> None:
        """Move the mark, where nothing was dropped before it."""
        mark = self._cursor.get(_name(band))
        if utc_ms is None or band in self._gaps or (mark is not None and utc_ms <= int(mark)):
            return
        self._cursor[_name(band)] = str(utc_ms)
        self._basket.mark({_name(band): str(utc_ms)})


def _name(band: Band) -> str:
    return f"memory:{band.key}"


def _stamps(band: Band) -> str:
    return f"stamps:{band.key}"
