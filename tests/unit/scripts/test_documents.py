"""The documents say what is there: links lead somewhere, tables and pages are complete."""

import re
from pathlib import Path

import pytest

from scripts.house import tracked
from scripts.main import COMMANDS
from scripts.reference import commands_page, settings_page

ROOT = Path(__file__).resolve().parents[3]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
PAGES = [path for path in tracked() if path.suffix == ".md"]
READMES = ("README.md", "README.zh-CN.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page):
    targets = [t for t in LINK.findall(page.read_text("utf-8")) if "://" not in t]

    assert [t for t in targets if not (page.parent / t).exists()] == []


@pytest.mark.parametrize("name", READMES)
def test_a_readme_can_be_read_in_five_minutes(name):
    text = (ROOT / name).read_text("utf-8")

    assert len(text.splitlines()) < 150
    assert not re.search(r"\b[A-Z]+_OUTPUT\b", text)


@pytest.mark.parametrize("name", READMES)
def test_the_folder_table_names_every_folder(name):
    named = set(re.findall(r"^\| \[([a-z]+)/", (ROOT / name).read_text("utf-8"), re.MULTILINE))
    folders = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}

    assert named == {folder for folder in folders if not folder.startswith(".")}


def test_both_readmes_tell_the_same_parts():
    english, chinese = (
        [
            line.partition(" ")[0]
            for line in (ROOT / name).read_text("utf-8").splitlines()
            if line.startswith("#")
        ]
        for name in READMES
    )

    assert [h for h in english if h in {"#", "##"}] == [h for h in chinese if h in {"#", "##"}]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_says_that_it_is_no_medical_device(name):
    text = (ROOT / name).read_text("utf-8")

    assert "not a medical device" in text or "不是医疗器械" in text


def test_the_settings_page_is_written_from_the_code():
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")

    assert page == settings_page(), "run: python -m scripts.reference"


def test_every_setting_says_what_it_means():
    rows = [row for row in settings_page().splitlines() if row.startswith("| `")]

    assert len(rows) > 10
    assert [row for row in rows if row.endswith("|  |")] == []


def test_the_commands_page_is_written_from_the_code():
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")

    assert page == commands_page(), "run: python -m scripts.reference"


def test_every_command_and_option_says_what_it_does():
    page = commands_page()

    assert all(f"## `adhere {name}`" in page for name in COMMANDS)
    assert [
        row for row in page.splitlines() if row.startswith("| `") and row.endswith("|  |")
    ] == []


def test_the_index_of_the_documents_names_every_page():
    index = (ROOT / "docs/README.md").read_text("utf-8")
    pages = [
        p.relative_to(ROOT / "docs").as_posix() for p in PAGES if p.is_relative_to(ROOT / "docs")
    ]

    assert [page for page in pages if page != "README.md" and f"({page})" not in index] == []


@pytest.mark.parametrize("folder", ["why", "howto"])
def test_every_page_begins_with_its_title(folder):
    for page in PAGES:
        if page.is_relative_to(ROOT / "docs" / folder):
            assert page.read_text("utf-8").startswith("# "), page
