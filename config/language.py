"""The language a person reads: English in the source, Chinese from a gettext catalogue.

Text is written in English inside `_("...")` and translated when it is shown, so a module that is
imported before the language is known still speaks it. Values enter by name:
`_("%(count)d readings") % {"count": n}`, never by f-string, which could not be translated.
Log events are for machines and stay in English.
"""

import gettext
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh_CN")
LOCALE_DIR = Path(__file__).with_name("locale")
DOMAIN = "adhere"


@cache
def translator(language: str) -> gettext.NullTranslations:
    """Return the catalogue of one language; a report may speak another than the terminal."""
    if language not in LANGUAGES:
        raise ValueError(language)
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE_DIR, languages=[language])


class _Process:
    """The one language of this process, set once by the entry point."""

    language = "en"


def set_language(language: str) -> None:
    """Let `_` speak `language` from now on, in the whole process."""
    translator(language)
    _Process.language = language


def language() -> str:
    """Return the language that `_` speaks."""
    return _Process.language


def _(message: str) -> str:
    """Translate a text of the program into the language of the process, now."""
    return translator(_Process.language).gettext(message)


def later(message: str) -> str:
    """Mark a text in a table for the catalogue; whoever shows it passes it through `_`."""
    return message


def named_in(environ: Mapping[str, str]) -> str | None:
    """Return the language a person's environment names, or None where it names none of ours.

    `ADHERE_LANGUAGE` comes first, then the locale variables in the order of POSIX; of those the
    first that is set decides, so `LC_ALL=C` means English even where LANG is Chinese.
    """
    for variable in ("ADHERE_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(variable):
            return _code(value)
    return None


def _code(locale_name: str) -> str | None:
    word = re.split("[.@]", locale_name, maxsplit=1)[0].replace("-", "_").lower()
    if word == "zh" or word.startswith("zh_"):
        return "zh_CN"
    if word in {"c", "posix", "en"} or word.startswith("en_"):
        return "en"
    return None
