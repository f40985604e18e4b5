"""Keep the Chinese catalogue: collect the texts of the packages, merge, compile, tell what is open.

The command-line toolkit's own texts ("Usage", "Options") come from its package, listed by name, so
that a Chinese reader is not shown English headings.
"""

import ast
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment
from jinja2.ext import extract_from_ast

from config.language import DOMAIN, LOCALE_DIR

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "adherence",
    "alerts",
    "config",
    "devices",
    "ingest",
    "portal",
    "reports",
    "scripts",
    "storage",
)
COMMANDS = {ROOT / "scripts" / name for name in ("bench/commands", "commands", "db", "gateway")}
MARKS = {"_", "later", "gettext", "say"}
PO = LOCALE_DIR / "zh_CN" / "LC_MESSAGES" / f"{DOMAIN}.po"
MO = PO.with_suffix(".mo")

TOOLKIT = (
    "Aborted!",
    "Arguments",
    "Commands",
    "Error",
    "Missing command.",
    "Options",
    "default: {default}",
    "required",
)


def texts() -> Iterator[tuple[str, str]]:
    """Yield (text, file it stands in), each package in the order of its files."""
    handed = {
        name
        for folder in COMMANDS
        for path in folder.glob("*.py")
        for name in made_commands(path.read_text("utf-8"))
    }
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text("utf-8")
            place = path.relative_to(ROOT).as_posix()
            yield from ((message, place) for message in in_source(source))
            if path.parent in COMMANDS:
                yield from ((message, place) for message in helps(source, {path.stem, *handed}))
        for path in sorted((ROOT / package).rglob("*.html")):
            place = path.relative_to(ROOT).as_posix()
            yield from ((message, place) for message in in_template(path.read_text("utf-8")))
    for message in TOOLKIT:
        yield message, "typer"


def in_source(source: str) -> Iterator[str]:
    """Yield the texts that a module passes to `_`, `later` or some `.gettext`."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = node.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        text = node.args[0]
        if name in MARKS and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.value


def in_template(source: str) -> Iterator[str]:
    """Yield the texts of a page's template: `{{ _("...") }}` and `{% trans %}`."""
    pages = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    for _line, _function, found in extract_from_ast(pages.parse(source), ("_", "gettext")):
        message = found[0] if isinstance(found, tuple) else found  # with its values behind it
        if message is not None:
            yield message


def made_commands(source: str) -> Iterator[str]:
    """Yield the functions of other modules that a file makes commands: `app.command()(check)`."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Call)
            and _is_command(node.func)
        ):
            for given in node.args:
                yield given.attr if isinstance(given, ast.Attribute) else getattr(given, "id", "")


def helps(source: str, names: set[str]) -> Iterator[str]:
    """Yield the help of each command in a file: docstrings of those decorated, and of `names`."""
    for node in ast.parse(source).body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        if node.name in names or any(map(_is_command, node.decorator_list)):
            text = ast.get_docstring(node)
            if text:
                yield text


def _is_command(decorator: ast.expr) -> bool:
    """Say whether it makes a function a command, or the help of a group of them."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(called, ast.Attribute) and called.attr in {"command", "callback"}


def translations() -> dict[str, str]:
    """Return what the .po file translates."""
    if not PO.exists():
        return {}
    with PO.open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file, locale="zh_CN") if m.id}


def current() -> Catalog:
    """Return the catalogue with every text of today in it and nothing else."""
    kept = translations()
    day = datetime(2026, 1, 1, tzinfo=UTC)  # fixed: a date would change with every run
    catalogue = Catalog(
        locale="zh_CN",
        project="adhere",
        version="1",
        charset="utf-8",
        header_comment="# The Chinese texts of adhere. Terms: docs/glossary.md.",
        creation_date=day,
        revision_date=day,
        msgid_bugs_address="see SECURITY.md and CONTRIBUTING.md",
        last_translator="the adhere developers",
        language_team="zh_CN",
        fuzzy=False,
    )
    for message, where in texts():
        catalogue.add(message, kept.get(message, ""), locations=[(where, 0)])
    return catalogue


def main() -> None:
    """Rewrite both files; with --check only say what is not current or not translated."""
    catalogue = current()
    open_texts = [str(m.id) for m in catalogue if m.id and not m.string]
    for text in open_texts:
        print(f"untranslated: {text}", file=sys.stderr)  # noqa: T201 - a person's tool
    if "--check" in sys.argv[1:]:
        stale = translations() != {str(m.id): str(m.string) for m in catalogue if m.id}
        if stale:
            print("not current: run scripts/translate", file=sys.stderr)  # noqa: T201 - as above
        sys.exit(1 if stale or open_texts else 0)
    with PO.open("wb") as po:
        write_po(po, catalogue, width=100, sort_output=True, include_lineno=False)
    with MO.open("wb") as mo:
        write_mo(mo, catalogue)


if __name__ == "__main__":
    main()
