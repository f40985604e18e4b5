"""The page of the method says what the core computes, in both languages, with its pictures."""

import re
from math import exp
from xml.etree import ElementTree as ET

import pytest
from jinja2 import UndefinedError

from scripts import method_page
from scripts.method import examples, recording
from scripts.method.drawing import WIDTH
from scripts.method.pictures import PICTURES, file_name
from scripts.method.traces import wide
from scripts.method.words import LANGUAGES, Words

SVG = "{http://www.w3.org/2000/svg}"
HEADING = re.compile(r"^(#+) (?:(C\d+)\b)?", re.MULTILINE)


@pytest.fixture(scope="module")
def files():
    return method_page.files()


@pytest.fixture(scope="module")
def pages(files):
    return {
        language: next(text for path, text in files.items() if path.name == f"method{suffix}.md")
        for language, suffix in zip(LANGUAGES, ("", ".zh-CN"), strict=True)
    }


@pytest.fixture(scope="module")
def pictures(files):
    return {path.name: text for path, text in files.items() if path.suffix == ".svg"}


def test_pages_and_pictures_are_written_from_the_core_of_today(files):
    stale = [p.name for p, text in files.items() if not p.exists() or p.read_text("utf-8") != text]

    assert stale == [], "run: python -m scripts.method_page"
    assert {p for p in files if p.suffix == ".svg"} == set(
        (method_page.ROOT / method_page.IMAGES).glob("*")
    )


def test_both_languages_tell_the_same_parts_with_the_same_figures(pages):
    english, chinese = pages.values()
    number = re.compile(r"(?<![\w.])\d+(?:[.:]\d+)*")

    assert HEADING.findall(english) == HEADING.findall(chinese)
    parts = zip(english.split("\n## ")[1:], chinese.split("\n## ")[1:], strict=True)
    for ours, theirs in parts:
        told = [set(number.findall(part.partition("\n")[2])) for part in (ours, theirs)]
        assert told[0] ^ told[1] <= {"1", "2", "3", "4", "5", "6", "7", "8", "10", "20", "30", "40"}


def test_every_convention_has_its_part_with_a_picture(pages):
    for page in pages.values():
        parts = dict(re.findall(r"^## (C\d+)(.*?)(?=^## )", page, re.MULTILINE | re.DOTALL))

        assert list(parts) == [f"C{number}" for number in range(1, 17)]
        assert [name for name, part in parts.items() if "![" not in part] == []


SUM = re.compile(r"(?<![\d:])((?:\(?[\d.]+\)? [-+x×/÷] )+[\d.]+\)?) = ([\d.]*\d)(?!\d|:\d)")
POWER = re.compile(r"30 [x×] 0\.5 [x×] ([\d.]+) [x×] e\^([\d.]+) = ([\d.]*\d)")


def test_the_sums_of_the_page_come_out_on_paper(pages):
    signs = str.maketrans({"x": "*", "×": "*", "÷": "/"})
    for page in pages.values():
        sums = SUM.findall(page)
        powers = POWER.findall(page)

        assert len(sums) >= 8
        assert len(powers) == 2
        for left, right in sums:
            value = eval(left.translate(signs))  # noqa: S307 - numbers and signs of our own page
            assert abs(value - float(right)) < 0.001, (left, right)
        for factor, power, right in powers:
            assert abs(15 * float(factor) * exp(float(power)) - float(right)) < 0.05


def test_every_picture_stands_on_the_page_of_its_language(pages, pictures):
    for language, page in pages.items():
        shown = set(re.findall(r"/method/([\w.-]+\.svg)\)", page))

        assert shown == {file_name(name, language) for name in PICTURES}
        assert shown <= set(pictures)


def test_a_page_that_names_a_figure_nobody_computed_is_refused():
    with pytest.raises(UndefinedError):
        method_page.page(LANGUAGES[0], {"c1": {}})


@pytest.mark.parametrize("name", sorted(file_name(n, lang) for n in PICTURES for lang in LANGUAGES))
def test_a_picture_can_be_read(pictures, name):
    root = ET.fromstring(pictures[name])  # noqa: S314 - of our own making
    texts = list(root.iter(f"{SVG}text"))

    assert root.find(f"{SVG}title").text
    assert root.get("font-family") == "sans-serif"
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "rect", "line", "circle", "text")
    }
    for text in texts:
        size = int(text.get("font-size"))
        length = wide(text.text, size)
        shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor")]
        left = float(text.get("x")) - shift * length
        assert size >= 12
        assert left >= 0, text.text
        assert left + length <= WIDTH, text.text
        assert 0 < float(text.get("y")) <= float(root.get("height")), text.text


@pytest.mark.parametrize("name", PICTURES)
def test_a_chinese_picture_speaks_chinese(pictures, name):
    root = ET.fromstring(pictures[file_name(name, "zh-CN")])  # noqa: S314 - of our own making

    assert [t.text for t in root.iter(f"{SVG}text") if re.search("[A-Za-z]{2}", t.text)] == []


def test_another_threshold_makes_another_page(monkeypatch):
    before = examples.c5(), examples.c11()
    other = recording.conventions().model_copy(
        update={"longest_hold_s": 30, "longest_interruption_s": 121}
    )
    for module in (examples, recording):
        monkeypatch.setattr(module, "conventions", lambda: other)

    after = examples.c5(), examples.c11()

    assert (before[0]["held"], after[0]["held"]) == ("3:30", "2:00")
    assert [len(found[1]["parted"]) for found in (before, after)] == [2, 1]


def test_words_of_a_picture_are_one_or_the_other_language():
    english, chinese = (Words(language) for language in LANGUAGES)

    assert (english("met"), chinese("met")) == ("met", "达标")


def test_the_check_names_a_file_that_is_not_current(tmp_path, monkeypatch, capsys):
    (tmp_path / "old.svg").write_text("")
    page = tmp_path / "method.md"
    monkeypatch.setattr(method_page, "files", lambda: {page: "text"})
    monkeypatch.setattr(method_page, "ROOT", tmp_path)
    monkeypatch.setattr(method_page, "IMAGES", ".")
    monkeypatch.setattr("sys.argv", ["method_page", "--check"])

    with pytest.raises(SystemExit) as ended:
        method_page.main()

    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "not current: method.md" in said
    assert "not current: old.svg" in said
