"""What the on-site page shows: who must slow down, who is here, whether the box is heard.

Read from some metres away: the alarms first and largest. What a colour says a word and a sign say
too. No script; the browser asks again every two seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from config.language import later, translator
from ingest.gateway.edge import Alarm, Here
from ingest.gateway.onsite import Page

REFRESH_S = 2
SILENT_AFTER_MS = 15_000
"""A pulse older than this is shown as missing: the ceiling cannot be watched on it."""
ENDED_FOR_MS = 600_000
SHOWN_ENDED = 5
SHOWN_NEIGHBOURS = 12

Neighbour = tuple[str, str]
"""Address and family of a band that is heard and not registered."""

ABOVE_CEILING = later("at the ceiling: slow down")
ABOVE = later("above the zone")
IN_ZONE = later("in the zone")
BELOW = later("below the zone")
NO_ZONE = later("no zone known")
SILENT = later("no signal")
SIGNS = {
    ABOVE_CEILING: ("alarm", "▲▲"),
    ABOVE: ("above", "▲"),
    IN_ZONE: ("in", "●"),
    BELOW: ("below", "▽"),
    NO_ZONE: ("none", "○"),
    SILENT: ("silent", "?"),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What there is to show at one moment."""

    centre: str
    gateway: str
    now_mono_ms: int
    alarms: Sequence[Alarm]
    ended: Sequence[Alarm]
    here: Sequence[Here]
    registered: int
    has_roster: bool
    roster_expired: bool
    connected: bool
    events_waiting: int
    neighbours: Sequence[Neighbour]


def page(sight: Sight, language: str) -> Page:
    """Return the page in a language."""
    say = translator(language).gettext
    heard = {here.worn.device_key: here for here in sight.here}
    body = "\n".join(
        (
            _alarms(sight, heard, say),
            _ended(sight, say),
            _here(sight, say),
            _box(sight, say),
            _neighbours(sight, say),
        )
    )
    title = say("%(count)d must slow down") % {"count": len(sight.alarms)}
    if not sight.alarms:
        title = say("Nobody must slow down")
    html = (
        f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh_CN" else "en"}">\n<head>\n'
        f'<meta charset="utf-8">\n<meta http-equiv="refresh" content="{REFRESH_S}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{style()}</style>\n</head>\n"
        f'<body class="{"alarm" if sight.alarms else "calm"}">\n{body}\n</body>\n</html>\n'
    )
    return Page(html, style())


@cache
def style() -> str:
    """Return the style sheet."""
    return files("ingest.gateway").joinpath("onsite.css").read_text("utf-8")


def zone_of(here: Here, now_mono_ms: int) -> str:
    """Return in words where the pulse of a band is; a key of SIGNS."""
    worn, bpm = here.worn, here.bpm
    if now_mono_ms - here.heard_mono_ms > SILENT_AFTER_MS:
        return SILENT
    if worn.ceiling_bpm is not None and bpm >= worn.ceiling_bpm:
        return ABOVE_CEILING
    if worn.zone_lo_bpm is None or worn.zone_hi_bpm is None:
        return NO_ZONE
    if bpm < worn.zone_lo_bpm:
        return BELOW
    return IN_ZONE if bpm < worn.zone_hi_bpm else ABOVE


def _alarms(sight: Sight, heard: dict[str, Here], say: Callable[[str], str]) -> str:
    if not sight.alarms:
        words = say("Nobody must slow down") if sight.here else say("Nobody is heard")
        return f'<h1 class="calm">{escape(words)}</h1>'
    cards = "\n".join(
        _alarm(alarm, heard.get(alarm.device_key), sight.now_mono_ms, say) for alarm in sight.alarms
    )
    words = say("%(count)d must slow down") % {"count": len(sight.alarms)}
    return f'<section role="alert"><h1><b>▲▲</b> {escape(words)}</h1>\n{cards}</section>'


def _alarm(alarm: Alarm, here: Here | None, now: int, say: Callable[[str], str]) -> str:
    is_silent = here is None or now - here.heard_mono_ms > SILENT_AFTER_MS
    pulse = say("no signal") if here is None or is_silent else f"{here.bpm:.0f}"
    lasts = say("Stop or slow down. Ask how they feel. For %(lasts)s.") % {
        "lasts": _lasts(now - alarm.raised_mono_ms, say)
    }
    return (
        f"<article><h2>{escape(alarm.subject)} "
        f"<small>{escape(_band(alarm.device_key))}</small></h2>"
        f'<p class="pulse">{escape(pulse)}<small> / {alarm.ceiling_bpm:.0f}</small></p>'
        f"<p>{escape(lasts)}</p></article>"
    )


def _ended(sight: Sight, say: Callable[[str], str]) -> str:
    recent = [
        alarm
        for alarm in reversed(sight.ended)
        if alarm.ended_mono_ms is not None
        and sight.now_mono_ms - alarm.ended_mono_ms <= ENDED_FOR_MS
    ][:SHOWN_ENDED]
    if not recent:
        return ""
    lines = "".join(
        "<li>"
        + escape(
            say("%(who)s: over, %(ago)s ago; peak %(peak).0f, ceiling %(ceiling).0f")
            % {
                "who": alarm.subject,
                "ago": _lasts(sight.now_mono_ms - (alarm.ended_mono_ms or 0), say),
                "peak": alarm.peak_bpm,
                "ceiling": alarm.ceiling_bpm,
            }
        )
        + "</li>"
        for alarm in recent
    )
    return f'<ul class="ended">{lines}</ul>'


def _here(sight: Sight, say: Callable[[str], str]) -> str:
    if not sight.here:
        return ""
    rows = []
    for here in sorted(sight.here, key=lambda here: here.worn.subject):
        zone = zone_of(here, sight.now_mono_ms)
        kind, sign = SIGNS[zone]
        pulse = "–" if zone == SILENT else f"{here.bpm:.0f}"
        rows.append(
            f'<tr class="{kind}"><th scope="row">{escape(here.worn.subject)} '
            f"<small>{escape(_band(here.worn.device_key))}</small></th>"
            f'<td class="number">{pulse}</td><td><b>{sign}</b> {escape(say(zone))}</td>'
            f'<td class="number">{escape(_limits(here, say))}</td></tr>'
        )
    heads = "".join(
        f'<th scope="col">{escape(name)}</th>'
        for name in (say("Who"), say("Pulse"), say("Zone"), say("Zone / ceiling"))
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _limits(here: Here, say: Callable[[str], str]) -> str:
    worn = here.worn
    zone = "–"
    if worn.zone_lo_bpm is not None and worn.zone_hi_bpm is not None:
        zone = f"{worn.zone_lo_bpm:.0f}–{worn.zone_hi_bpm:.0f}"
    ceiling = say("no ceiling") if worn.ceiling_bpm is None else f"{worn.ceiling_bpm:.0f}"
    return f"{zone} / {ceiling}"


def _box(sight: Sight, say: Callable[[str], str]) -> str:
    lines = [
        say("%(centre)s, %(gateway)s: %(here)d of %(registered)d bands heard")
        % {
            "centre": sight.centre,
            "gateway": sight.gateway,
            "here": len(sight.here),
            "registered": sight.registered,
        },
        "● " + say("The district is reached")
        if sight.connected
        else "✕ " + say("The district is NOT reached: this page still warns"),
    ]
    if sight.events_waiting:
        lines.append(
            say("%(count)d messages wait for the district") % {"count": sight.events_waiting}
        )
    if not sight.has_roster:
        lines.append("✕ " + say("No roster yet: this box knows nobody and warns of nobody"))
    elif sight.roster_expired:
        lines.append("✕ " + say("The roster is old: call the district"))
    return "<footer>" + "".join(f"<p>{escape(line)}</p>" for line in lines) + "</footer>"


def _neighbours(sight: Sight, say: Callable[[str], str]) -> str:
    if not sight.neighbours:
        return ""
    items = "".join(
        f"<li>{escape(address)} <small>{escape(family)}</small></li>"
        for address, family in sight.neighbours[:SHOWN_NEIGHBOURS]
    )
    words = say("Bands near by that are not registered (nothing of theirs is kept)")
    return f'<div class="near"><p>{escape(words)}</p><ul>{items}</ul></div>'


def _band(device_key: str) -> str:
    """Return the end of a band's address: what is printed on it, short enough to compare."""
    return device_key[-5:]


def _lasts(duration_ms: int, say: Callable[[str], str]) -> str:
    seconds = max(0, duration_ms) // 1000
    if seconds < 60:  # noqa: PLR2004 - of a minute
        return say("%(seconds)d s") % {"seconds": seconds}
    return say("%(minutes)d min %(seconds)d s") % {
        "minutes": seconds // 60,
        "seconds": seconds % 60,
    }
