"""The Chinese catalogue: complete, compiled, and saying the same with the same values."""

import gettext
import re
import string

from scripts.catalogue import MO, TOOLKIT, in_source, texts, translations
from scripts.main import COMMANDS, load

PLACEHOLDER = re.compile(r"%\(\w+\)[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]")


def test_every_text_of_the_program_is_translated():
    known = translations()

    assert [text for text, _ in texts() if not known.get(text)] == []


def helps_of(path, command):
    """Yield (command line, help) of a command and of all below it."""
    yield path, command.help
    for name, inner in getattr(command, "commands", {}).items():
        yield from helps_of(f"{path} {name}", inner)


def test_every_help_of_the_command_line_is_in_the_catalogue():
    said = dict(
        pair for name, command in COMMANDS.items() for pair in helps_of(name, load(name, command))
    )

    assert len(said) > 60
    assert {path for path, text in said.items() if text and text not in translations()} == set()


def test_no_text_is_kept_that_the_program_no_longer_says():
    assert set(translations()) - {text for text, _ in texts()} == set()


def test_the_compiled_catalogue_is_the_written_one():
    with MO.open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for text, translation in translations().items():
        assert compiled.gettext(text) == translation


def values_in(text):
    return sorted(match.group() for match in PLACEHOLDER.finditer(text))


def fields_in(text):
    return {field for _, field, _, _ in string.Formatter().parse(text) if field}


def test_a_translation_takes_the_same_values():
    pairs = translations().items()

    assert [text for text, chinese in pairs if values_in(text) != values_in(chinese)] == []
    braced = [(text, chinese) for text, chinese in pairs if text in TOOLKIT and chinese]
    assert [text for text, chinese in braced if fields_in(text) != fields_in(chinese)] == []


class Anything(dict):
    """Fills each placeholder with a value that its letter takes."""

    def __init__(self, text):
        numbers = set(re.findall(r"%\((\w+)\)[^a-zA-Z%]*[dfoxeg]", text))
        super().__init__(dict.fromkeys(numbers, 1))

    def __missing__(self, name):
        return "x"


def test_a_text_with_values_can_be_filled():
    for text in {*translations(), *translations().values()}:
        if "%(" in text:
            assert "%(" not in text % Anything(text), text  # a bare % would raise: write %%


def test_texts_are_found_wherever_they_are_marked():
    source = "_('a')\nlater('b')\nt.gettext('c')\n_(name)\nother('d')\nf(_('e %(x)d') % {})"

    assert sorted(in_source(source)) == ["a", "b", "c", "e %(x)d"]
