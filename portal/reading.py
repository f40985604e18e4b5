"""How one reader reads: language, local time, dates and numbers as the reader writes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup, escape

from config.language import LANGUAGES, translator
from reports.workbook.rounding import rounded_down

DEFAULT_LANGUAGE = "zh_CN"
NOTHING = "–"
"""Stands where there is no value; a zero is written as 0."""


def language_of(cookie: str | None, accept_language: str) -> str:
    """Return the language a browser asks for: its switch, then its own wish, then Chinese."""
    if cookie in LANGUAGES:
        return cookie
    wishes = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        word, _, rest = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*", rest)
        weight = float(quality.group(1)) if quality else 1.0
        wishes.append((-weight, place, word.strip().lower()))
    for weight, _place, word in sorted(wishes):
        if weight == 0:
            continue
        if word == "zh" or word.startswith("zh-"):
            return "zh_CN"
        if word == "en" or word.startswith("en-"):
            return "en"
    return DEFAULT_LANGUAGE


def masked(name: str) -> str:
    """Hide all of a name but its first character, the family name of most Chinese names."""
    return name[:1] + "*" * min(len(name) - 1, 2) if name else name


@dataclass(frozen=True)
class Reader:
    """One language in one time zone."""

    language: str
    zone: ZoneInfo

    @property
    def html_lang(self) -> str:
        """Return the language as HTML names it."""
        return "zh-CN" if self.language == "zh_CN" else "en"

    def gettext(self, message: str, /, **values: object) -> Markup:
        """Translate; values enter by name and are shown as they are, never as markup."""
        translated = escape(translator(self.language).gettext(message))
        return translated % values if values else translated

    def word(self, words: Mapping[str, str], code: str | None) -> Markup:
        """Return a code in words; a code nobody has named is shown as it is."""
        return Markup() if code is None else self.gettext(words.get(code, code))

    def local(self, at: datetime) -> datetime:
        """Return an instant as the clock on the wall showed it."""
        return at.astimezone(self.zone)

    def today(self) -> date:
        """Return the local day."""
        return datetime.now(self.zone).date()

    def day(self, day: date | None) -> str:
        """Return a date in full."""
        pattern = "y年M月d日" if self.language == "zh_CN" else "d MMM y"
        return NOTHING if day is None else format_date(day, pattern, locale=self.language)

    def short_day(self, day: date | None) -> str:
        """Return month and day."""
        pattern = "M月d日" if self.language == "zh_CN" else "d MMM"
        return NOTHING if day is None else format_date(day, pattern, locale=self.language)

    def weekday(self, day: date) -> str:
        """Return the day of the week, short."""
        return format_date(day, "EEE", locale=self.language)

    def clock(self, at: datetime | None) -> str:
        """Return the local time with seconds."""
        return NOTHING if at is None else self.local(at).strftime("%H:%M:%S")

    def minute(self, at: datetime | None) -> str:
        """Return the local time to the minute."""
        return NOTHING if at is None else self.local(at).strftime("%H:%M")

    def moment(self, at: datetime | None) -> str:
        """Return date and local time; today's without the date."""
        if at is None:
            return NOTHING
        return self.clock(at) if self.local(at).date() == self.today() else self.dated(at)

    def dated(self, at: datetime) -> str:
        """Return date and local time; the year where it is not this one."""
        local = self.local(at)
        pattern = "M月d日 HH:mm" if self.language == "zh_CN" else "d MMM HH:mm"
        if local.year != self.today().year:
            pattern = "y年M月d日 HH:mm" if self.language == "zh_CN" else "d MMM y HH:mm"
        return format_datetime(local, pattern, locale=self.language)

    def is_same_day(self, one: datetime, other: datetime) -> bool:
        """Say whether two instants lie on one local day: then the second needs no date."""
        return self.local(one).date() == self.local(other).date()

    def stamp(self, at: datetime | None) -> str:
        """Return date and local time in full."""
        return NOTHING if at is None else self.local(at).strftime("%Y-%m-%d %H:%M:%S")

    def ago(self, at: datetime | None) -> str:
        """Return how long ago it was, roughly."""
        if at is None:
            return NOTHING
        since = max(datetime.now(UTC) - at, timedelta(0))
        return format_timedelta(-since, add_direction=True, locale=self.language)

    def number(self, value: float | None, places: int = 0) -> str:
        """Return a number as the reader writes it."""
        if value is None:
            return NOTHING
        shape = "#,##0" + ("." + "0" * places if places else "")
        return format_decimal(value, shape, locale=self.language)

    def figure(self, value: float | None) -> str:
        """Return a number with at most one place behind the point."""
        return NOTHING if value is None else format_decimal(value, "#,##0.#", locale=self.language)

    def done(self, minutes: float | None) -> str:
        """Return minutes done beside minutes asked for: whole ones, never rounded up to enough."""
        return self.number(None if minutes is None else rounded_down(minutes, 0))

    def share(self, value: float | None) -> str:
        """Return a share of 1 as a percentage with at most one place, rounded down.

        So nothing is shown at the pass mark, or whole, that does not reach it.
        """
        if value is None:
            return NOTHING
        return format_percent(rounded_down(value, 3), "#,##0.#%", locale=self.language)
