"""Payment schemes: every figure with its source, nothing paid unsigned, every fault named."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from config.conventions import load_conventions
from config.errors import Misconfigured
from config.language import set_language
from config.schemes import FIGURES, SCHEMES_DIR, Scheme, load_scheme, load_schemes

ROOT = Path(__file__).resolve().parents[3]
FILE = SCHEMES_DIR / "base_performance_s1.toml"
SHIPPED = sorted(SCHEMES_DIR.glob("*.toml"))


@pytest.fixture(autouse=True)
def english():
    set_language("en")


def edited(tmp_path, old="", new="", *, more="", name="scheme.toml"):
    text = FILE.read_text("utf-8")
    assert old in text
    path = tmp_path / name
    path.write_text(text.replace(old, new, 1) + more, "utf-8")
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scheme_loads_is_named_as_its_file_and_is_signed_by_nobody(path):
    scheme = load_scheme(path)

    assert scheme.key == path.stem
    assert set(scheme.figures) == set(FIGURES)
    assert scheme.sign_off is None
    assert scheme.unsigned


def test_the_figures_of_the_policy_are_those_of_the_policy():
    scheme = load_scheme(FILE)

    in_policy = {name for name, figure in scheme.figures.items() if figure.in_policy}
    assert in_policy == {
        "base_price_yuan",
        "performance_most_yuan_a_year",
        "split_doctor_pct",
        "split_therapist_pct",
        "split_instructor_pct",
    }
    assert (scheme.base_price_yuan, scheme.performance_most_yuan_a_year) == (
        Decimal("120.00"),
        Decimal("500.00"),
    )
    assert scheme.split_pct == {"doctor": 30, "therapist": 40, "instructor": 30}


def test_every_shipped_figure_says_whether_it_was_decided():
    for path in SHIPPED:
        for name, figure in load_scheme(path).figures.items():
            assert figure.in_policy or re.search("Decided", figure.source), name


def test_signing_a_scheme_signs_every_number_of_the_method_that_waits_for_it():
    conventions = load_conventions()

    waiting = {name for name, source in conventions.sources.items() if source.confirm}

    named = load_scheme(FILE).figures["method_version"].source.partition("confirmation, too: ")[2]
    assert set(named.split(", ")) == waiting
    assert load_scheme(FILE).method_version == conventions.version


def test_a_signature_stands_for_the_whole_file(tmp_path):
    signed = load_scheme(edited(tmp_path, more='\n[sign_off]\nby = "Li, fund"\non = 2026-12-01\n'))

    assert signed.unsigned == ()
    assert (signed.sign_off.by, signed.sign_off.on) == ("Li, fund", date(2026, 12, 1))


def test_the_demonstration_signs_what_nobody_has_and_overwrites_no_signature(tmp_path):
    own = edited(tmp_path, more='\n[sign_off]\nby = "Li, fund"\non = 2026-12-01\n')

    assert load_scheme(FILE, sign_off="DEMO").sign_off.by == "DEMO"
    assert load_scheme(own, sign_off="DEMO").sign_off.by == "Li, fund"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("[base_price_yuan]", "[base_price]", "base_price_yuan: Field required"),
        ('value = "120.00"', 'value = "120.005"', "base_price_yuan: "),
        ('value = "120.00"', 'value = "-1"', "base_price_yuan: "),
        ("value = 40", "value = 41", "must add up to 100"),
        ("in_policy = false\n\n[last_month]", "[last_month]", "in_policy: Field required"),
        ('unit = "month"', 'unit = ""', "figures.first_month.unit"),
        ('value = "2024-01"', 'value = "2024-13"', "first_month"),
        ('value = ""', 'value = "2023-12"', "last_month lies before first_month"),
        ('"leaves_denominator"', '"whatever"', "cannot_judge"),
        ("version = 1", 'version = "1"', "version"),
        ("version = 1", "version = = 1", "is no TOML file"),
    ],
)
def test_a_faulty_scheme_is_refused_and_the_fault_named(tmp_path, old, new, fault):
    with pytest.raises(Misconfigured, match=re.escape(fault)):
        load_scheme(edited(tmp_path, old, new))


def test_a_signature_without_a_date_is_refused(tmp_path):
    with pytest.raises(Misconfigured, match="needs `on`"):
        load_scheme(edited(tmp_path, more='\n[sign_off]\nby = "Li, fund"\n'))


def test_a_scheme_file_that_is_missing_says_where_it_is_named(tmp_path):
    with pytest.raises(Misconfigured, match=r"payment\.schemes"):
        load_scheme(tmp_path / "nowhere.toml")


def test_two_versions_may_follow_one_another_and_not_overlap(tmp_path):
    first = edited(tmp_path, 'value = ""', 'value = "2026-12"')
    second = edited(tmp_path, 'value = "2024-01"', 'value = "2027-01"', name="second.toml")

    assert len(load_schemes([first, second])) == 2
    with pytest.raises(Misconfigured, match="last_month"):
        load_schemes([FILE, second])


def test_a_scheme_covers_its_months_and_no_others(tmp_path):
    scheme = load_scheme(edited(tmp_path, 'value = ""', 'value = "2026-12"'))

    assert [scheme.covers(date(year, month, 1)) for year, month in ((2023, 12), (2024, 1))] == [
        False,
        True,
    ]
    assert [scheme.covers(date(year, month, 1)) for year, month in ((2026, 12), (2027, 1))] == [
        True,
        False,
    ]


def test_every_figure_is_documented():
    page = (ROOT / "docs/reference/schemes.md").read_text("utf-8")

    rows = {
        name: f"| `{name}` | {field.description}. |"
        for name, field in Scheme.model_fields.items()
        if name != "figures"
    }
    assert [name for name, row in rows.items() if row not in page] == []
    assert [path.name for path in SHIPPED if path.name not in page] == []


def test_the_rules_that_are_words_are_those_the_lines_follow():
    scheme = load_scheme(FILE)

    assert (scheme.week_belongs_to, scheme.person_year) == ("month_of_its_sunday", "calendar_year")
    assert (scheme.several_programmes, scheme.limits_count) == ("lowest", "payable_and_on_hold")
    assert scheme.beta_blocker_without_measured_max == "shown_not_paid"
