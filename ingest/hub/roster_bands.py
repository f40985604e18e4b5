"""What a roster says of each band: who wears it, from when to when, under which limits.

Limits change at local midnight with the prescription, so a wearer has one entry for each version;
a gateway without a network then goes by the right one. With two programmes at a time the lower
ceiling holds, and the zone of the programme begun last.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import groupby, islice, pairwise
from zoneinfo import ZoneInfo

import cbor2
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from config.errors import Rejected
from ingest.batch.columns import is_device_key
from ingest.batch.keys import key_id
from ingest.batch.limits import MAX_UTC_MS
from ingest.batch.parts import WORD, as_bpm, is_subject
from ingest.batch.roster import (
    MAX_LIMITS,
    MAX_RECIPIENTS,
    Claimer,
    IdentityKey,
    Limits,
    Roster,
    RosterBand,
    seal_roster,
)
from storage.intensity import zone_in_bpm
from storage.rosters import ClaimerRow, Content, GatewayRoster, Known, WornRow

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RosterMaker:
    """Makes what a roster says out of the rows of the database."""

    hub_key: Ed25519PrivateKey
    zone: ZoneInfo
    """Of the local days on which prescriptions change."""

    def content(self, to: GatewayRoster, known: Known) -> Content:
        """Return the roster of one gateway, given what is known of its centre.

        What was claimed on that gateway's own page is left out: the box knows it better, and
        sooner.
        """
        rows = [row for row in known.worn if row.claimed_at_gateway_id != to.gateway_id]
        bands = tuple(roster_bands(rows, self.zone))
        identity_keys = tuple(identity_keys_of(rows, bands))
        claimers = tuple(roster_claimers(known.claimers, self.zone))
        recipients = to.encryption_keys[:MAX_RECIPIENTS]
        keys = [X25519PublicKey.from_public_bytes(key) for key in recipients]
        signer = key_id(self.hub_key.public_key())
        names = (to.centre, to.gateway, signer, [key_id(key) for key in keys])
        said = (names, bands, identity_keys, claimers)
        sha256 = hashlib.sha256(cbor2.dumps(said)).digest()

        def seal(version: int, issued_utc_ms: int, expires_utc_ms: int) -> bytes:
            whole = Roster(
                to.centre,
                to.gateway,
                version,
                issued_utc_ms,
                expires_utc_ms,
                bands,
                identity_keys,
                claimers,
            )
            try:
                return seal_roster(whole, self.hub_key, keys)
            except Rejected as error:
                if error.reason != "oversize" or not claimers:
                    raise
                # Whom to protect comes first. What to do: fewer codes, or another gateway's centre.
                log.error("roster_without_claimers", centre=to.centre, people=len(claimers))  # noqa: TRY400 - foreseen
                return seal_roster(replace(whole, claimers=()), self.hub_key, keys)

        return Content(sha256, seal)


def roster_bands(rows: Iterable[WornRow], zone: ZoneInfo) -> Iterator[RosterBand]:
    """Yield the entries of a roster; `rows` are in the order of `worn_rows`.

    A band or a wearer that cannot stand in a roster is left out and logged.
    """
    for (device_key, family, subject, since, until), versions in groupby(rows, _assignment):
        if not is_device_key(device_key) or not is_subject(subject):
            log.error("roster_band_left_out", why="its name or its wearer's cannot be sent")
            continue
        known_family = family if family is not None and WORD.fullmatch(family) else None
        yield from _entries(
            RosterBand(device_key, known_family, subject, since or 0, until, None, None, None),
            [row for row in versions if row.intensity_kind is not None],
            zone,
        )


def identity_keys_of(rows: Iterable[WornRow], bands: Iterable[RosterBand]) -> Iterator[IdentityKey]:
    """Yield the keys of the bands that stand in the roster, each once."""
    standing = {band.device_key for band in bands}
    keys = {row.device_key: row.irk for row in rows if row.irk is not None}
    for device_key, irk in keys.items():
        if device_key in standing:
            yield IdentityKey(device_key, irk)


def roster_claimers(rows: Iterable[ClaimerRow], zone: ZoneInfo) -> Iterator[Claimer]:
    """Yield who may claim a band; `rows` are in the order of `claimer_rows`."""
    for (subject, salt, made), versions in groupby(rows, lambda row: row[1:4]):
        if not is_subject(subject):
            log.error("roster_claimer_left_out", why="the name cannot be sent")
            continue
        nobody = RosterBand("-", None, subject, 0, None, None, None, None)
        held = [row for row in versions if row.intensity_kind is not None]
        limits = (
            Limits(one.worn_from_ms, one.ceiling_bpm, one.zone_lo_bpm, one.zone_hi_bpm)
            for one in _entries(nobody, held, zone)
        )
        yield Claimer(subject, salt, made, tuple(islice(limits, MAX_LIMITS)))


def _assignment(row: WornRow) -> tuple[str, str | None, str, int | None, int | None]:
    return row.device_key, row.family, row.subject, row.worn_from_ms, row.worn_until_ms


def _entries(
    worn: RosterBand, versions: Sequence[WornRow | ClaimerRow], zone: ZoneInfo
) -> Iterator[RosterBand]:
    """Cut an assignment at every local midnight on which a version begins or ends."""
    end = MAX_UTC_MS if worn.worn_until_ms is None else worn.worn_until_ms
    start = max(0, worn.worn_from_ms)
    spans = [
        (_midnight(row.from_day, zone, 0), _midnight(row.until_day, zone, MAX_UTC_MS), row)
        for row in versions
    ]
    cuts = {start, end} | {at for span in spans for at in span[:2] if start < at < end}
    last: RosterBand | None = None
    for since, until in pairwise(sorted(cuts)):
        held = [row for begins, ends, row in spans if begins <= since < ends]
        entry = worn._replace(
            worn_from_ms=since,
            worn_until_ms=None if until == MAX_UTC_MS else until,
            ceiling_bpm=min((c for row in held if (c := _bpm(row.ceiling_bpm))), default=None),
        )
        aerobic = [row for row in held if row.zone_lo is not None]
        if aerobic:  # the rows are in the order in which the programmes began
            low, high = _zone(aerobic[-1])
            entry = entry._replace(zone_lo_bpm=low, zone_hi_bpm=high)
        if last is not None and last[5:] == entry[5:]:
            last = last._replace(worn_until_ms=entry.worn_until_ms)
            continue
        if last is not None:
            yield last
        last = entry
    if last is not None:
        yield last


def _zone(row: WornRow | ClaimerRow) -> tuple[float | None, float | None]:
    """Return the zone in bpm; None: not known, or not by heart rate."""
    found = zone_in_bpm(
        row.intensity_kind,
        (row.zone_lo, row.zone_hi),
        hr_max_bpm=row.hr_max_bpm,
        rest_hr_bpm=row.rest_hr_bpm,
    )
    limits = [_bpm(limit) for limit in sorted(found or ())]
    return (limits[0], limits[1]) if limits and None not in limits else (None, None)


def _bpm(limit: float | None) -> float | None:
    try:
        return None if limit is None else as_bpm(limit)
    except Rejected:
        return None


def _midnight(day: date | None, zone: ZoneInfo, no_end: int) -> int:
    if day is None:
        return no_end
    at = datetime.combine(day, time(), zone)
    return min(max(0, round(at.timestamp() * 1000)), MAX_UTC_MS)
