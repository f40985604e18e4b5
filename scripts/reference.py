"""Write docs/reference/{settings,commands}.md from the code, so that they cannot be wrong.

`python -m scripts.reference` writes them, `--check` says whether they are current.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import annotated_types
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from config.district_settings import DistrictSettings
from config.gateway_settings import GatewaySettings
from config.settings import SECRETS
from scripts.main import COMMANDS, load

PAGES = Path(__file__).resolve().parents[1] / "docs" / "reference"


def settings_page() -> str:
    """Return the page of every setting: name, kind, default, limits, meaning."""
    lines = [
        "# Settings",
        "",
        "Written from the code by `python -m scripts.reference`: do not edit by hand.",
        "",
        "A settings file is TOML.",
        "An unknown key, a missing one or a value out of range stops the program with exit code 2",
        "and a line for each fault.",
        "Secrets are read from the environment alone; in a file they are refused.",
    ]
    for title, example, model in (
        ("The box in a centre", "config/gateway.example.toml", GatewaySettings),
        ("The district side", "config/district.example.toml", DistrictSettings),
    ):
        lines += ["", f"## {title}", "", f"Example: [{example}](../../{example})", ""]
        lines += ["| setting | kind | default | limits | meaning |", "|---|---|---|---|---|"]
        lines += _rows(model, model, ())
    return "\n".join(lines) + "\n"


def _rows(root: type[BaseModel], model: type[BaseModel], place: tuple[str, ...]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        keys = (*place, name)
        kinds = [k for k in (field.annotation, *get_args(field.annotation)) if isinstance(k, type)]
        inner = next((k for k in kinds if issubclass(k, BaseModel)), None)
        if inner is not None:
            yield from _rows(root, inner, keys)
            continue
        variable = SECRETS[root].get(keys)
        shown = f"environment `{variable}`" if variable else f"`{'.'.join(keys)}`"
        default, meaning = _default(field, place), field.description or ""
        cells = (shown, _kind(field), default, _limits(field), meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


KINDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "Path": "path",
    "SecretStr": "secret",
}


def _kind(field: FieldInfo) -> str:
    parts = list(_parts(field.annotation))
    words = [part for part in parts if isinstance(part, str)]
    if words:
        return " or ".join(f"`{word}`" for word in words)
    kind = next(KINDS[part.__name__] for part in parts if getattr(part, "__name__", "") in KINDS)
    return f"list of {kind}s" if tuple in parts else kind


def _parts(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - annotations have no one type
    """Yield what a type is made of: its origin, and the parts of its arguments."""
    yield get_origin(annotation) or annotation
    for part in get_args(annotation):
        yield from _parts(part)


def _default(field: FieldInfo, table: tuple[str, ...]) -> str:
    if field.is_required():
        return f"required in `[{'.'.join(table)}]`" if table else "required"
    if field.default is None or field.default == ():
        return "none"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _limits(field: FieldInfo) -> str:
    limits = []
    for rule in field.metadata:
        match rule:
            case annotated_types.Ge(ge=limit):
                limits.append(f"at least {limit}")
            case annotated_types.Gt(gt=limit):
                limits.append(f"more than {limit}")
            case annotated_types.Le(le=limit):
                limits.append(f"at most {limit}")
            case annotated_types.MinLen():
                limits.append("not empty")
            case _ if getattr(rule, "pattern", None):
                limits.append(f"form `{rule.pattern}`")
    return ", ".join(limits)


def commands_page() -> str:
    """Return the page of every command, its arguments and options."""
    lines = [
        "# Commands",
        "",
        "Written from the code by `python -m scripts.reference`: do not edit by hand.",
        "",
        "Exit codes: 0 done; 2 a misconfiguration or a wrong command line, with what to do;",
        "3 the data was refused; 4 something needed is not available now, try again later.",
        "",
        "The language of all texts follows `ADHERE_LANGUAGE`, else the locale",
        "(`LC_ALL`, `LC_MESSAGES`, `LANG`): Chinese for `zh`, otherwise English.",
    ]
    for name, command in COMMANDS.items():
        lines += _command(f"adhere {name}", load(name, command))
    return "\n".join(lines) + "\n"


def _command(path: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - the toolkit's command type moves
    yield from ("", f"## `{path}`", "", *(command.help or "").strip().splitlines())
    options = [p for p in command.params if p.name != "help"]
    if options:
        yield from ("", "| argument | default | meaning |", "|---|---|---|")
        for option in options:
            yield from _option(option)
    inner = getattr(command, "commands", {})
    for name, sub in inner.items():
        yield from _command(f"{path} {name}", sub)


def _option(option: Any) -> Iterator[str]:  # noqa: ANN401 - as above
    if option.param_type_name == "argument":
        shown = f"`{(option.metavar or option.name).upper()}`"
    else:
        shown = ", ".join(f"`{word}`" for word in (*option.opts, *option.secondary_opts))
    default = option.default
    if option.required:
        told = "required"
    elif default is None or callable(default) or default == ():
        told = ""
    else:
        told = f"`{str(default).lower() if isinstance(default, bool) else default}`"
    meaning = " ".join((option.help or "").split())
    yield f"| {shown} | {told} | {meaning} |".replace("  ", " ")


def pages() -> dict[Path, str]:
    """Return every generated page with its text."""
    return {PAGES / "settings.md": settings_page(), PAGES / "commands.md": commands_page()}


def main() -> None:
    """Write the pages; with --check only name those that are not current."""
    stale = [p for p, text in pages().items() if not p.exists() or p.read_text("utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            typer.echo(f"not current: {path.name}; run python -m scripts.reference")
        sys.exit(1 if stale else 0)
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
