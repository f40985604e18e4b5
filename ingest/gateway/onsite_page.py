"""What the on-site page shows: who must slow down, who is here, whether the box is heard.

Read from some metres away: the alarms first and largest. What a colour says a word and a sign say
too. No script; the browser asks again every two seconds.
"""

from html import escape

from config.language import later, translator
from ingest.gateway.edge import Here
from ingest.gateway.onsite import Page
from ingest.gateway.onsite_frame import (
    SILENT_AFTER_MS,
    Say,
    Sight,
    alarms,
    band_end,
    button,
    form,
    framed,
    lasts,
)

REFRESH_S = 2
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
                "ago": lasts(sight.now_mono_ms - (alarm.ended_mono_ms or 0), say),
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
    if not sight.can_store:
        lines.append(
            "✕ "
            + say(
                "Readings cannot be stored now: the disk is full or fails. This page still warns. "
                "Call the district"
            )
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
        "lasts": lasts(sight.now_mono_ms - since, say)
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
