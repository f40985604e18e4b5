"""What the on-site page shows: who must slow down, who is here, whether the box is heard.

Read from some metres away: the alarms first and largest. What a colour says a word and a sign say
too. No script; the browser asks again every two seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files

from config.language import later, translator
from ingest.gateway.claims import Standing
from ingest.gateway.edge import Alarm, Here
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.onsite import TOKEN_FIELD, Page

REFRESH_S = 2
SILENT_AFTER_MS = 15_000
"""A pulse older than this is shown as missing: the ceiling cannot be watched on it."""
ENDED_FOR_MS = 600_000
SHOWN_ENDED = 5
REFUSED_FOR_MS = 600_000
LOW_BATTERY_PCT = 20
BAD = ' class="bad"'
UNSENT_SHOWN = 10
"""Batches that wait while the district is reached: fewer are on their way."""

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
    battery_pct: Mapping[str, float] = field(default_factory=dict)
    claims: Sequence[Standing] = ()
    """Bands that their wearers said are theirs."""
    refused: Sequence[tuple[int, str]] = ()
    """When (steady ms) and whose claim the district refused."""
    can_claim: bool = False
    """There are people who may say that a band is theirs."""
    unsent_batches: int = 0
    """Sealed, and not answered for by the district."""
    link_since_mono_ms: int | None = None
    """Since when the district is reached, or not; None: not known."""
    is_revoked: bool = False
    """The district takes nothing from this box any more."""
    token: str = ""


Say = Callable[[str], str]


def page(sight: Sight, language: str) -> Page:
    """Return the page in a language."""
    say = translator(language).gettext
    body = "\n".join(
        (
            alarms(sight, say),
            _ended(sight, say),
            _here(sight, say),
            _claims(sight, say),
            _box(sight, say),
            _ways(sight, say),
        )
    )
    return framed(sight, language, body, refresh=f"{REFRESH_S}")


def framed(sight: Sight, language: str, body: str, *, refresh: str) -> Page:
    """Return a page of ours; `refresh` is when to ask again, and for what."""
    say = translator(language).gettext
    title = say("%(count)d must slow down") % {"count": len(sight.alarms)}
    if not sight.alarms:
        title = say("Nobody must slow down")
    html = (
        f'<!doctype html>\n<html lang="{"zh-CN" if language == "zh_CN" else "en"}">\n<head>\n'
        f'<meta charset="utf-8">\n<meta http-equiv="refresh" content="{refresh}">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(title)}</title>\n<style>{style()}</style>\n</head>\n"
        f'<body class="{"alarm" if sight.alarms else "calm"}">\n{body}\n</body>\n</html>\n'
    )
    return Page(html, style())


def form(path: str, token: str, inside: str, **hidden: str) -> str:
    """Return a form; `inside` is HTML, `hidden` are fields as they are."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in ({TOKEN_FIELD: token} | hidden).items()
    )
    return f'<form method="post" action="{path}">{fields}{inside}</form>'


def button(name: str, value: str, label: str, kind: str = "") -> str:
    """Return a button that sends its form; `label` is HTML."""
    return f'<button name="{escape(name)}" value="{escape(value)}" class="{kind}">{label}</button>'


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


def alarms(sight: Sight, say: Say) -> str:
    """Return who must slow down, as HTML; in every page of ours it comes first."""
    heard = {here.worn.device_key: here for here in sight.here}
    if not sight.alarms:
        words = say("Nobody must slow down") if sight.here else say("Nobody is heard")
        return f'<h1 class="calm">{escape(words)}</h1>'
    cards = "\n".join(
        _alarm(alarm, heard.get(alarm.device_key), sight.now_mono_ms, say) for alarm in sight.alarms
    )
    words = say("%(count)d must slow down") % {"count": len(sight.alarms)}
    return f'<section role="alert"><h1><b>▲▲</b> {escape(words)}</h1>\n{cards}</section>'


def _alarm(alarm: Alarm, here: Here | None, now: int, say: Say) -> str:
    is_silent = here is None or now - here.heard_mono_ms > SILENT_AFTER_MS
    pulse = say("no signal") if here is None or is_silent else f"{here.bpm:.0f}"
    lasts = say("Stop or slow down. Ask how they feel. For %(lasts)s.") % {
        "lasts": _lasts(now - alarm.raised_mono_ms, say)
    }
    return (
        f"<article><h2>{escape(alarm.subject)} "
        f"<small>{escape(band_end(alarm.device_key))}</small></h2>"
        f'<p class="pulse">{escape(pulse)}<small> / {alarm.ceiling_bpm:.0f}</small></p>'
        f"<p>{escape(lasts)}</p></article>"
    )


def _ended(sight: Sight, say: Say) -> str:
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


def _here(sight: Sight, say: Say) -> str:
    if not sight.here:
        return ""
    rows = []
    for here in sorted(sight.here, key=lambda here: here.worn.subject):
        zone = zone_of(here, sight.now_mono_ms)
        kind, sign = SIGNS[zone]
        pulse = "–" if zone == SILENT else f"{here.bpm:.0f}"
        rows.append(
            f'<tr class="{kind}"><th scope="row">{escape(here.worn.subject)} '
            f"<small>{escape(band_end(here.worn.device_key))}</small></th>"
            f'<td class="number">{pulse}</td><td><b>{sign}</b> {escape(say(zone))}</td>'
            f'<td class="number">{escape(_limits(here, say))}</td>'
            f'<td class="number">{_battery(sight, here.worn.device_key, say)}</td></tr>'
        )
    heads = "".join(
        f'<th scope="col">{escape(name)}</th>'
        for name in (say("Who"), say("Pulse"), say("Zone"), say("Zone / ceiling"), say("Battery"))
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _battery(sight: Sight, device_key: str, say: Say) -> str:
    percent = sight.battery_pct.get(device_key)
    if percent is None:
        return "–"
    if percent >= LOW_BATTERY_PCT:
        return f"{percent:.0f}%"
    return f'<b class="low">▁</b>{percent:.0f}% {escape(say("charge it"))}'


def _limits(here: Here, say: Say) -> str:
    worn = here.worn
    zone = "–"
    if worn.zone_lo_bpm is not None and worn.zone_hi_bpm is not None:
        zone = f"{worn.zone_lo_bpm:.0f}–{worn.zone_hi_bpm:.0f}"
    ceiling = say("no ceiling") if worn.ceiling_bpm is None else f"{worn.ceiling_bpm:.0f}"
    return f"{zone} / {ceiling}"


def _box(sight: Sight, say: Say) -> str:
    lines = [
        say("%(centre)s, %(gateway)s: %(here)d of %(registered)d bands heard")
        % {
            "centre": sight.centre,
            "gateway": sight.gateway,
            "here": len(sight.here),
            "registered": sight.registered,
        },
        _uplink(sight, say),
    ]
    if sight.unsent_batches and (not sight.connected or sight.unsent_batches >= UNSENT_SHOWN):
        lines.append(
            say("%(count)d packets of readings are kept here until the district has them")
            % {"count": sight.unsent_batches}
        )
    if sight.events_waiting:
        lines.append(
            say("%(count)d messages wait for the district") % {"count": sight.events_waiting}
        )
    if sight.is_revoked:
        lines.append(
            "✕ "
            + say(
                "The district has taken this box out of service: its readings stay here, nothing "
                "is sent. Call the district"
            )
        )
    if not sight.has_roster:
        lines.append("✕ " + say("No roster yet: this box knows nobody and warns of nobody"))
    elif sight.roster_expired:
        lines.append("✕ " + say("The roster is old: call the district"))
    told = "".join(f"<p{BAD if line.startswith('✕') else ''}>{escape(line)}</p>" for line in lines)
    return f"<footer>{told}</footer>"


def _uplink(sight: Sight, say: Say) -> str:
    if sight.connected:
        return "● " + say("The district is reached")
    since = sight.link_since_mono_ms
    if since is None:
        return "✕ " + say("The district is NOT reached: this page still warns")
    return "✕ " + say("The district is NOT reached, for %(lasts)s: this page still warns") % {
        "lasts": _lasts(sight.now_mono_ms - since, say)
    }


def _claims(sight: Sight, say: Say) -> str:
    """Return who wears a band by their own word, and whom the district does not believe."""
    not_taken = say("%(who)s: the district does not take this band as yours. Ask the staff.")
    refused = "".join(
        f"<p>✕ {escape(not_taken % {'who': who})}</p>"
        for at_mono_ms, who in sight.refused
        if sight.now_mono_ms - at_mono_ms <= REFUSED_FOR_MS
    )
    heard = {here.worn.device_key for here in sight.here}
    rows = []
    for one in sorted(sight.claims, key=lambda one: one.subject):
        state = "" if one.device_key in heard else say("waiting for the first pulse")
        press = form(
            "/finish",
            sight.token,
            button("claim", one.claim, escape(say("I am finished")), "small"),
        )
        rows.append(
            f"<li><b>{escape(one.subject)}</b> <small>{escape(band_end(one.device_key))}</small> "
            f"{escape(state)}{press}</li>"
        )
    listed = f'<ul class="claims">{"".join(rows)}</ul>' if rows else ""
    return f'<div class="ended">{refused}</div>{listed}' if refused else listed


def _ways(sight: Sight, say: Say) -> str:
    """Return the ways on: to say that a band is mine, to see the bands nobody is registered for."""
    ways = []
    if sight.can_claim:
        near = sum(neighbour.can_be_claimed for neighbour in sight.neighbours)
        words = say("This pulse is mine (%(count)d near by)") % {"count": near}
        ways.append(f'<a class="way" href="/claim">{escape(words)}</a>')
    if sight.neighbours:
        words = say("Unregistered bands near by: %(count)d") % {"count": len(sight.neighbours)}
        ways.append(f'<a class="way quiet" href="/near">{escape(words)}</a>')
    return f"<nav>{''.join(ways)}</nav>" if ways else ""


def band_end(device_key: str) -> str:
    """Return the end of a band's address: what is printed on it, short enough to compare."""
    return device_key[-5:]


def _lasts(duration_ms: int, say: Say) -> str:
    seconds = max(0, duration_ms) // 1000
    if seconds < 60:  # noqa: PLR2004 - of a minute
        return say("%(seconds)d s") % {"seconds": seconds}
    return say("%(minutes)d min %(seconds)d s") % {
        "minutes": seconds // 60,
        "seconds": seconds % 60,
    }
