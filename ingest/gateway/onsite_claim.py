"""The pages on which somebody says "this pulse is mine", or asks for a band to be registered.

For a touch screen without a keyboard and without any script: every press sends a form, and the
digits of a code stand in the answer as dots. The alarms come first here too, and a page that is
left alone goes back to the first one. Of a band near by its name, the end of its address and its
strength are shown; its pulse only once somebody has said that it is theirs.
"""

from collections.abc import Iterable, Sequence
from html import escape

from config.language import later, translator
from ingest.batch.claim_code import DIGITS
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.onsite import Page
from ingest.gateway.onsite_frame import Say, Sight, alarms, band_end, button, form, framed
from ingest.gateway.standing import Standing

LOOK_AGAIN = "5"
ALONE = "45;url=/"
"""Left alone for so many seconds, a page gives way to the first."""
STRENGTHS = ((-55, "▂▄▆", later("very near")), (-70, "▂▄", later("near")))
WEAKEST_DBM = -999
SHOWN = 60
"""Of more bands near by those heard worst are left out: nobody reads so far."""
FAR = ("▂", later("further away"))
DELETE = "delete"


def choose_band(sight: Sight, taken: Sequence[Standing], language: str, note: str = "") -> Page:
    """Return the bands that broadcast near by, the strongest first, and those that are claimed."""
    say = translator(language).gettext
    near = _strongest(one for one in sight.neighbours if one.can_be_claimed)
    rows = [button("band", one.address, _described(one, say)) for one in near]
    rows += [
        button(
            "band",
            one.device_key,
            escape(
                say("%(band)s: now %(who)s")
                % {"band": band_end(one.device_key), "who": one.subject}
            ),
            "quiet",
        )
        for one in sorted(taken, key=lambda one: one.device_key)
    ]
    words = say("Which one is yours? Hold your watch close to the box: the strongest comes first.")
    if not rows:
        words = say("No band is broadcasting. Start the heart-rate broadcast of your watch.")
    body = _head(say("This pulse is mine"), words, note) + form(
        "/claim", sight.token, f'<div class="choices">{"".join(rows)}</div>'
    )
    return _page(sight, language, body, LOOK_AGAIN)


def choose_person(
    sight: Sight, band: Neighbour, people: Iterable[str], language: str, note: str = ""
) -> Page:
    """Return the people of the centre who have a code."""
    say = translator(language).gettext
    rows = "".join(button("who", subject, escape(subject)) for subject in sorted(people))
    words = say("Band %(band)s. Who are you?") % {"band": _named(band)}
    body = _head(say("This pulse is mine"), words, note) + form(
        "/claim", sight.token, f'<div class="choices">{rows}</div>', band=band.address
    )
    return _page(sight, language, body, ALONE)


def type_code(
    sight: Sight, band: Neighbour, who: str, typed: str, language: str, note: str = ""
) -> Page:
    """Return the keys for the digits of a code, and as many dots as were typed."""
    say = translator(language).gettext
    keys = "".join(button("digit", str(digit), str(digit)) for digit in (*range(1, 10), 0))
    keys += button("digit", DELETE, f"⌫ {escape(say('delete'))}", "quiet wide")
    dots = "●" * len(typed) + "○" * (DIGITS - len(typed))
    words = say("%(who)s, type your code of %(digits)d digits. Band %(band)s.") % {
        "who": who,
        "digits": DIGITS,
        "band": _named(band),
    }
    body = (
        _head(say("This pulse is mine"), words, note)
        + f'<p class="dots">{dots}</p>'
        + form(
            "/claim",
            sight.token,
            f'<div class="keys">{keys}</div>',
            band=band.address,
            who=who,
            typed=typed,
        )
    )
    return _page(sight, language, body, ALONE)


def confirm_finish(sight: Sight, one: Standing, language: str) -> Page:
    """Ask once whether a person is finished: from then on nobody is warned of them."""
    say = translator(language).gettext
    words = say("%(who)s: finished? From then on this band is nobody's and warns of nobody.") % {
        "who": one.subject
    }
    yes = button("sure", "yes", escape(say("Yes, finished")))
    body = _head(say("Finished"), words) + form(
        "/finish", sight.token, f'<div class="choices">{yes}</div>', claim=one.claim
    )
    return _page(sight, language, body, ALONE)


def near(sight: Sight, asked: frozenset[str], language: str) -> Page:
    """Return the bands that are registered to nobody, each with a way to ask the district."""
    say = translator(language).gettext
    rows = []
    for one in _strongest(sight.neighbours):
        press = (
            f"<small>{escape(say('the district is asked'))}</small>"
            if one.address in asked
            else form(
                "/near",
                sight.token,
                button("band", one.address, escape(say("Ask to register it")), "small"),
            )
        )
        rows.append(
            f"<li><b>{escape(one.address)}</b> {_strength(one, say)} {escape(one.name)} "
            f"<small>{escape(' '.join(one.families))}</small>{press}</li>"
        )
    words = say(
        "Nothing of theirs is kept. The district registers a band and gives it to a person."
    )
    body = _head(say("Bands near by that are registered to nobody"), words) + (
        f'<ul class="claims">{"".join(rows)}</ul>'
    )
    return _page(sight, language, body, ALONE)


def _strongest(bands: Iterable[Neighbour]) -> list[Neighbour]:
    """Return the bands heard best, the strongest first; one of unknown strength comes last."""
    return sorted(bands, key=lambda one: (-(one.rssi_dbm or WEAKEST_DBM), one.address))[:SHOWN]


def _page(sight: Sight, language: str, body: str, refresh: str) -> Page:
    say = translator(language).gettext
    warned = alarms(sight, say) if sight.alarms else ""
    back = f'<nav><a class="way quiet" href="/">{escape(say("Back"))}</a></nav>'
    return framed(sight, language, f"{warned}\n{body}\n{back}", refresh=refresh)


def _head(title: str, words: str, note: str = "") -> str:
    told = f'<p class="note" role="alert">✕ {escape(note)}</p>' if note else ""
    return f"<h1>{escape(title)}</h1>{told}<p>{escape(words)}</p>"


def _named(band: Neighbour) -> str:
    return f"{band.name} {band_end(band.address)}".strip()


def _described(band: Neighbour, say: Say) -> str:
    return (
        f"<b>{escape(band.name or say('Band'))}</b> {escape(band_end(band.address))} "
        f"{_strength(band, say)}"
    )


def _strength(band: Neighbour, say: Say) -> str:
    if band.rssi_dbm is None:
        return ""
    sign, words = next(
        ((sign, words) for least, sign, words in STRENGTHS if band.rssi_dbm >= least), FAR
    )
    return f"<small>{sign} {escape(say(words))} ({band.rssi_dbm} dBm)</small>"
