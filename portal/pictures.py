"""A patient's heart rate as a picture with words: a day, or the time around an alert."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from markupsafe import Markup

from alerts.listing import ListedAlert
from config.conventions import load_conventions
from config.language import later
from portal.reading import Reader
from portal.readings import Quarter, Span, instant, local_day_ms, quarters, samples_of, utc_ms
from portal.records import Bout, Version
from portal.trace import Band, Frame, Mark, Samples, Words, picture, rates
from storage.database import Connection


@dataclass(frozen=True)
class Picture:
    """A trace, and the same in numbers."""

    svg: Markup
    quarters: list[Quarter]
    readings: int


def of_day(
    conn: Connection,
    reader: Reader,
    patient_id: int,
    day: date,
    version: Version | None,
    *,
    bouts: Sequence[Bout],
    alerts: Sequence[ListedAlert],
) -> Picture:
    """Draw a local day from its first to its last reading, to whole hours."""
    from_ms, to_ms = local_day_ms(day, reader.zone)
    samples = samples_of(conn, [Span(patient_id, from_ms, to_ms)], "trace")[0]
    if len(samples.at_ms):
        hour_ms = 3_600_000
        first = int(samples.at_ms[0]) // hour_ms * hour_ms
        last = -(-(int(samples.at_ms[-1]) + 1) // hour_ms) * hour_ms
        from_ms, to_ms = max(from_ms, first), min(to_ms, max(last, first + 2 * hour_ms))
    return _drawn(reader, samples, from_ms, to_ms, version, bouts=bouts, alerts=alerts)


def around(
    conn: Connection,
    reader: Reader,
    patient_id: int,
    from_at: datetime,
    to_at: datetime,
    version: Version | None,
    *,
    alerts: Sequence[ListedAlert],
) -> Picture:
    """Draw the time between two instants."""
    from_ms, to_ms = utc_ms(from_at), utc_ms(to_at)
    samples = samples_of(conn, [Span(patient_id, from_ms, to_ms)], "trace")[0]
    return _drawn(reader, samples, from_ms, to_ms, version, bouts=(), alerts=alerts)


def _drawn(
    reader: Reader,
    samples: Samples,
    from_ms: int,
    to_ms: int,
    version: Version | None,
    *,
    bouts: Sequence[Bout],
    alerts: Sequence[ListedAlert],
) -> Picture:
    start, end = instant(from_ms), instant(to_ms)
    day = reader.local(start).date()
    zone_bpm = None if version is None else version.zone_bpm(version.phase_on(day))
    ceiling = None if version is None else version.terms.ceiling_bpm
    low, high = rates(samples, ceiling, *(zone_bpm or ()))
    words = Words(
        title=str(
            reader.gettext(
                "Heart rate, %(day)s from %(start)s to %(end)s",
                day=reader.day(day),
                start=reader.minute(start),
                end=reader.minute(end),
            )
        ),
        described=_described(reader, samples),
        zone=_zone_words(reader, zone_bpm),
        ceiling=str(reader.gettext("ceiling %(bpm)s bpm", bpm=reader.number(ceiling))),
        unit=str(reader.gettext("bpm")),
    )
    svg = picture(
        samples,
        Frame(from_ms, to_ms, low, high),
        words,
        utc_offset=reader.local(start).utcoffset() or timedelta(0),
        bands=_bands(reader, version),
        zone_bpm=zone_bpm,
        ceiling_bpm=ceiling,
        bouts=[_bout_mark(reader, bout) for bout in bouts],
        alerts=[_alert_mark(reader, alert, from_ms, to_ms) for alert in alerts],
    )
    return Picture(svg, quarters(samples), len(samples.at_ms))


def _described(reader: Reader, samples: Samples) -> str:
    if not len(samples.bpm):
        return str(reader.gettext("No readings."))
    return str(
        reader.gettext(
            "%(count)s readings between %(low)s and %(high)s bpm; the table below has the numbers.",
            count=reader.number(len(samples.bpm)),
            low=reader.number(float(samples.bpm.min())),
            high=reader.number(float(samples.bpm.max())),
        )
    )


def _zone_words(reader: Reader, zone_bpm: tuple[float, float] | None) -> str:
    if zone_bpm is None:
        return ""
    low, high = (reader.number(bpm) for bpm in zone_bpm)
    return str(reader.gettext("target %(low)s-%(high)s bpm", low=low, high=high))


def _bands(reader: Reader, version: Version | None) -> list[Band]:
    """Return the intensity zones of heart-rate reserve (C8) in this patient's bpm, if known."""
    if version is None:
        return []
    c8 = load_conventions()
    named = (
        (0, later("very light")),
        (c8.light_from_pct, later("light")),
        (c8.moderate_from_pct, later("moderate")),
        (c8.vigorous_from_pct, later("vigorous")),
        (c8.near_max_from_pct, later("near maximal")),
    )
    begins = [(version.bpm(pct), words) for pct, words in named]
    return [Band(bpm, str(reader.gettext(words))) for bpm, words in begins if bpm is not None]


def _bout_mark(reader: Reader, bout: Bout) -> Mark:
    minutes = reader.number(bout.credit_ms / 60_000)
    words = (
        reader.gettext("Session, %(min)s min in the zone", min=minutes)
        if bout.complete
        else reader.gettext("Bout, %(min)s min in the zone", min=minutes)
    )
    return Mark(utc_ms(bout.start_at), utc_ms(bout.end_at), str(words))


def _alert_mark(reader: Reader, alert: ListedAlert, from_ms: int, to_ms: int) -> Mark:
    words = reader.gettext("Alert at %(at)s", at=reader.clock(alert.raised_at))
    start = min(max(utc_ms(alert.onset_at), from_ms), to_ms)
    return Mark(start, min(max(utc_ms(alert.last_at), start), to_ms), str(words))
