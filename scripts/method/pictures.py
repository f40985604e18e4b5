"""Every picture of the page, by name: what draws it, and the example whose values it shows."""

from collections.abc import Callable, Mapping
from typing import Any

from scripts.method import of_figures, over_time
from scripts.method.words import ENGLISH, Words

Picture = Callable[[Words, dict[str, Any]], str]

PICTURES: Mapping[str, tuple[Picture, str]] = {
    "c1": (over_time.c1, "c1"),
    "c2": (over_time.c2, "c2"),
    "c3": (over_time.c3, "c3"),
    "c4": (over_time.c4, "c4"),
    "c5": (over_time.c5, "c5"),
    "c6": (of_figures.c6, "c6"),
    "c7": (of_figures.c7, "c7"),
    "c8": (of_figures.c8, "c8"),
    "c9": (over_time.c9, "c9"),
    "c10": (over_time.c10, "c10"),
    "c11": (over_time.c11, "c11"),
    "c11-window": (over_time.c11_window, "c11"),
    "c12": (over_time.c12, "c12"),
    "c13": (of_figures.c13, "c13"),
    "c14": (of_figures.c14, "c14"),
    "c15": (of_figures.c15, "c15"),
    "c16": (of_figures.c16, "c16"),
    "states": (of_figures.states, "c14"),
}


def file_name(name: str, language: str) -> str:
    """Return the file of a picture in a language."""
    return f"{name}.svg" if language == ENGLISH else f"{name}.{language}.svg"


def drawn(language: str, values: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    """Return every picture in a language: file name -> SVG."""
    words = Words(language)
    return {
        file_name(name, language): draw(words, values[example])
        for name, (draw, example) in PICTURES.items()
    }
