"""Language: the environment names it, `_` speaks it at call time."""

import pytest

from config.language import LANGUAGES, _, language, later, named_in, set_language, translator


@pytest.fixture(autouse=True)
def english_again():
    yield
    set_language("en")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_TW"}, "zh_CN"),
        ({"LANG": "zh"}, "zh_CN"),
        ({"LANG": "en_GB.UTF-8@euro"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, None),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LC_MESSAGES": "zh_CN", "LANG": "en_US"}, "zh_CN"),
        ({"ADHERE_LANGUAGE": "zh-CN", "LC_ALL": "C"}, "zh_CN"),
    ],
)
def test_the_environment_names_the_language(environ, expected):
    assert named_in(environ) == expected


def test_a_text_marked_for_later_is_translated_when_shown():
    text = later("Log every step.")

    set_language("zh_CN")

    assert language() == "zh_CN"
    assert text == "Log every step."
    assert _(text) != text


def test_a_report_can_speak_another_language_than_the_terminal():
    set_language("en")

    assert translator("zh_CN").gettext("Log every step.") != _("Log every step.")


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_has_its_catalogue(code):
    assert translator(code)


def test_an_unknown_language_is_an_error():
    with pytest.raises(ValueError, match="xx"):
        set_language("xx")
