"""The Chinese catalogue: complete, compiled, and saying the same with the same values."""

import gettext
import re
import string

import pytest

from scripts.catalogue import MO, in_source, texts, translations

PLACEHOLDER = re.compile(r"%\(\w+\)[#0\- +]*\d*(?:\.\d+)?[a-zA-Z]")


def test_every_text_of_the_program_is_translated():
    known = translations()

    assert [text for text, _ in texts() if not known.get(text)] == []


def test_no_text_is_kept_that_the_program_no_longer_says():
    assert set(translations()) - {text for text, _ in texts()} == set()


def test_the_compiled_catalogue_is_the_written_one():
    with MO.open("rb") as file:
        compiled = gettext.GNUTranslations(file)

    for text, translation in translations().items():
        assert compiled.gettext(text) == translation


@pytest.mark.parametrize(("text", "translation"), translations().items())
def test_a_translation_takes_the_same_values(text, translation):
    assert sorted(m.group() for m in PLACEHOLDER.finditer(text)) == sorted(
        m.group() for m in PLACEHOLDER.finditer(translation)
    )
    if "{" in text:
        fields = [
            {f for _, f, _, _ in string.Formatter().parse(t) if f} for t in (text, translation)
        ]
        assert fields[0] == fields[1]


class Anything(dict):
    """Fills each placeholder with a value that its letter takes."""

    def __init__(self, text):
        numbers = set(re.findall(r"%\((\w+)\)[^a-zA-Z%]*[dfoxeg]", text))
        super().__init__(dict.fromkeys(numbers, 1))

    def __missing__(self, name):
        return "x"


@pytest.mark.parametrize("text", sorted({*translations(), *translations().values()}))
def test_a_text_with_values_can_be_filled(text):
    if "%(" in text:
        assert "%(" not in text % Anything(text)  # a bare % would raise: write %%


def test_texts_are_found_wherever_they_are_marked():
    source = "_('a')\nlater('b')\nt.gettext('c')\n_(name)\nother('d')\nf(_('e %(x)d') % {})"

    assert sorted(in_source(source)) == ["a", "b", "c", "e %(x)d"]
