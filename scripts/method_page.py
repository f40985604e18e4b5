"""Write docs/reference/method.md in two languages, with pictures, from the core itself.

`python -m scripts.method_page` writes the pages and the pictures, `--check` says whether they are
current. The words stand in `scripts/method/page.*.md`; every number of an example comes out of the
core when the page is written.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from jinja2 import Environment, StrictUndefined

from config.components import load_components
from config.conventions import load_conventions
from scripts.method.examples import EXAMPLES
from scripts.method.pictures import drawn, file_name
from scripts.method.words import ENGLISH, LANGUAGES

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = Path(__file__).with_name("method")
IMAGES = "docs/images/method"


def page(language: str, values: Mapping[str, dict[str, Any]]) -> str:
    """Return the page in a language; a value that no example gives is an error."""
    # Markdown, not HTML: nothing is to be escaped, and every value is a number of ours.
    templates = Environment(undefined=StrictUndefined, keep_trailing_newline=True)  # noqa: S701
    template = templates.from_string((TEMPLATES / f"page.{language}.md.jinja").read_text("utf-8"))
    return template.render(
        values,
        conventions=load_conventions(),
        components=load_components(),
        picture=lambda name: f"../images/method/{file_name(name, language)}",
    )


def files() -> dict[Path, str]:
    """Return every generated file with its text."""
    values = {name: example() for name, example in EXAMPLES.items()}
    found = {}
    for language in LANGUAGES:
        suffix = "" if language == ENGLISH else f".{language}"
        found[ROOT / f"docs/reference/method{suffix}.md"] = page(language, values)
        for name, svg in drawn(language, values).items():
            found[ROOT / IMAGES / name] = svg
    return found


def main() -> None:
    """Write the files; with --check only name those that are not current."""
    texts = files()
    if "--check" in sys.argv[1:]:
        stale = [p for p, text in texts.items() if not p.exists() or p.read_text("utf-8") != text]
        stale += sorted(set((ROOT / IMAGES).glob("*")) - set(texts))
        for path in stale:
            typer.echo(f"not current: {path.name}; run python -m scripts.method_page")
        sys.exit(1 if stale else 0)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
