"""`adhere`: the one entry point. Each command is imported only when it is called.

A box in a centre has neither Polars nor a database driver: the table below names what it can run,
and a command whose packages are missing says what to install.
"""

import gettext
import os
import sys
from importlib import import_module, metadata
from io import TextIOWrapper
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from config.errors import Misconfigured, Rejected, Unavailable
from config.language import DOMAIN, LOCALE_DIR, _, later, named_in, set_language

OUR_PACKAGES = {
    "adherence",
    "alerts",
    "config",
    "devices",
    "ingest",
    "portal",
    "reports",
    "scripts",
    "storage",
}

EXIT_MISCONFIGURED = 2
EXIT_REJECTED = 3
EXIT_UNAVAILABLE = 4


class Command(NamedTuple):
    """One command: its module under `scripts.commands`, what it needs installed, what it does."""

    module: str
    extra: str
    summary: str


COMMANDS = {
    "demo": Command("demo", "demo", later("Show the whole chain here, with made-up patients")),
    "replay": Command("replay", "demo", later("Send recorded data through the whole chain")),
    "score": Command("score", "district", later("Compute days, bouts and weeks from files")),
    "why": Command("why", "district", later("Tell why a week is what it is, minute by minute")),
    "gateway": Command("gateway", "gateway", later("Run or enroll the box in a centre")),
    "hub": Command("hub", "district", later("Take batches from the broker into the database")),
    "nightly": Command("nightly", "district", later("Recompute what changed; write the workbook")),
    "watch": Command("watch", "district", later("Raise alerts and see that they reach a person")),
    "portal": Command("portal", "district", later("Serve the web pages; make the first accounts")),
    "decode": Command("decode", "gateway", later("Decode frames of one family of bands")),
    "band": Command("band", "district", later("Register bands and hand them out")),
    "patient": Command("patient", "district", later("Enter centres, patients and their records")),
    "db": Command("db", "district", later("Look after the database")),
    "bench": Command("bench", "bench", later("Measure the program on this machine")),
}


class LazyCommand(TyperCommand):
    """A command's name and summary; its module is imported when it is to run."""

    def __init__(self, name: str, command: Command) -> None:
        super().__init__(name, help=_(command.summary))
        self.command = command

    def make_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the toolkit's own
        """Hand over to the real command, which parses the rest of the line."""
        return load(str(self.name), self.command).make_context(*args, **kwargs)


class LazyCommands(TyperGroup):
    """The commands of the table, in its order."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - the toolkit's own
        super().__init__(**attributes)
        for name, command in COMMANDS.items():
            self.add_command(LazyCommand(name, command), name)
        _translate_help(self)


def load(name: str, command: Command) -> Any:  # noqa: ANN401 - the toolkit's command type moves
    """Import a command: the module's Typer `app`, or its function named as the command."""
    module = import_module(f"scripts.commands.{command.module}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(name)(getattr(module, command.module))
    real = typer.main.get_command(app)
    real.name = name
    real.help = real.help or command.summary
    _translate_help(real)
    return real


def _translate_help(command: Any) -> None:  # noqa: ANN401 - as above
    """Translate what cannot be marked where it is written: docstrings, and the toolkit's own."""
    if command.help:
        command.help = _(command.help)
    if option := command.get_help_option(typer.Context(command)):
        option.help = _("Show this message and exit.")
    for inner in getattr(command, "commands", {}).values():
        _translate_help(inner)


def command_line() -> typer.Typer:
    """Build `adhere` in the language of the process."""
    app = typer.Typer(
        cls=LazyCommands,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help=_(
            "From wristbands in community centres to weekly adherence to exercise prescriptions. "
            "Not a medical device."
        ),
    )

    @app.callback()
    def adhere(
        *,
        version: Annotated[
            bool,
            typer.Option(
                "--version",
                is_eager=True,
                callback=_show_version,
                help=_("Show the version and exit."),
            ),
        ] = False,
        verbose: Annotated[bool, typer.Option("--verbose", help=_("Log every step."))] = False,
    ) -> None:
        del version  # its callback has ended the program
        from scripts.log import set_up_log

        set_up_log(verbose=verbose, for_a_person=sys.stderr.isatty())

    return app


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the toolkit passes it so
    if wanted:
        typer.echo(f"adhere {metadata.version('adhere')}")
        raise typer.Exit


def main() -> None:
    """Run `adhere`; turn every foreseen fault into one clear line and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal in GBK lacks some of our signs
            stream.reconfigure(errors="replace")
    _speak(named_in(os.environ) or "en")
    try:
        command_line()(prog_name="adhere")
    except Misconfigured as error:
        _stop(str(error), EXIT_MISCONFIGURED)
    except Rejected as error:
        _stop(_("the data was refused: %(reason)s") % {"reason": error}, EXIT_REJECTED)
    except Unavailable as error:
        _stop(_("not available now: %(what)s") % {"what": error}, EXIT_UNAVAILABLE)
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".", maxsplit=1)[0]
        if not package or package in OUR_PACKAGES:
            raise
        _stop(_install(package), EXIT_MISCONFIGURED)


def _speak(language: str) -> None:
    """Set the language of our own texts, and of the command-line toolkit's through gettext."""
    set_language(language)
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain(DOMAIN, LOCALE_DIR)
    gettext.textdomain(DOMAIN)


def _install(missing: str) -> str:
    extra = next((COMMANDS[word].extra for word in sys.argv[1:] if word in COMMANDS), "all")
    return _(
        "this command needs the package %(package)s, which is not installed here; "
        "run in its sources: pip install '.[%(extra)s]'"
    ) % {"package": missing, "extra": extra}


def _stop(message: str, code: int) -> None:
    for line in message.splitlines():
        typer.echo(f"adhere: {line}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
