"""What all on-site pages have: what there is to show, the alarms, the frame around it.

The alarms come first in every page. No script: what is pressed sends a form.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from importlib.resources import files

from config.language import translator
from ingest.gateway.edge import Alarm, Here
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.onsite import TOKEN_FIELD, Page
from ingest.gateway.standing import Standing

SILENT_AFTER_MS = 15_000
"""A pulse older than this is shown as missing: the ceiling cannot be watched on it."""

Say = Callable[[str], str]


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
    can_store: bool = True
    """What is heard reaches the disk."""
    link_since_mono_ms: int | None = None
    """Since when the district is reached, or not; None: not known."""
    is_revoked: bool = False
    """The district takes nothing from this box any more."""
    token: str = ""


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
    words = say("Stop or slow down. Ask how they feel. For %(lasts)s.") % {
        "lasts": lasts(now - alarm.raised_mono_ms, say)
    }
    return (
        f"<article><h2>{escape(alarm.subject)} "
        f"<small>{escape(band_end(alarm.device_key))}</small></h2>"
        f'<p class="pulse">{escape(pulse)}<small> / {alarm.ceiling_bpm:.0f}</small></p>'
        f"<p>{escape(words)}</p></article>"
    )


def band_end(device_key: str) -> str:
    """Return the end of a band's address: what is printed on it, short enough to compare."""
    return device_key[-5:]


def lasts(duration_ms: int, say: Say) -> str:
    """Return a length of time in words."""
    seconds = max(0, duration_ms) // 1000
    if seconds < 60:  # noqa: PLR2004 - of a minute
        return say("%(seconds)d s") % {"seconds": seconds}
    return say("%(minutes)d min %(seconds)d s") % {
        "minutes": seconds // 60,
        "seconds": seconds % 60,
    }
