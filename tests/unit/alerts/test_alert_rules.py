"""The rules' file: sources and sign-offs for all, faults named, an entry in the reference each."""

import tomllib
from pathlib import Path

import pytest

from alerts.ceiling import default_ceiling_bpm
from config.alert_rules import (
    ADVICE,
    ALERT_RULES_FILE,
    TIER_NAMES,
    TITLES,
    AlertRules,
    load_alert_rules,
)
from config.errors import Misconfigured

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "alert-rules.md"


def test_every_value_of_every_rule_has_a_source_and_every_rule_its_texts():
    rules = load_alert_rules()
    for name in AlertRules.model_fields:
        rule = getattr(rules, name)
        assert rule.id == name
        assert rule.tier in TIER_NAMES
        assert TITLES[name]
        assert ADVICE[name]
        plain = {"id", "version", "tier", "owner", "direction", "sources", "kind"}
        assert rule.sources.keys() == type(rule).model_fields.keys() - plain


def test_the_reference_names_every_rule_and_value_as_it_is():
    text = REFERENCE.read_text("utf-8")
    for name, entries in tomllib.loads(ALERT_RULES_FILE.read_text("utf-8")).items():
        assert f"## {name}" in text
        section = text.split(f"## {name}", 1)[1].split("\n## ", 1)[0]
        for key, entry in entries.items():
            if isinstance(entry, dict):
                value = entry["value"]
                shown = ", ".join(map(str, value)) if isinstance(value, list) else value
                assert f"| `{key}` | {shown} | {entry['unit']} |" in section
            elif key != "kind":
                assert f"{key} {entry}" in section


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("value = 3\n", "value = 1\n", "min_samples"),
        ("value = 15\n", "value = 91\n", "max_gap_s must not be above"),
        ("value = [10, 30]", "value = [30, 10]", "must rise"),
        ("value = 600\n", "value = 90\n", "again_after_quiet_s"),
        ("version = 1\n", "", "version"),
        ("sign_off = true\n", "", "sign_off"),
        ("[hr_ceiling]", "[hr_ceilings]", "hr_ceiling"),
        ("[hr_ceiling]", "hr_ceiling", "hold the rules"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_the_place(tmp_path, old, new, fault):
    path = tmp_path / "alert_rules.toml"
    path.write_text(ALERT_RULES_FILE.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(Misconfigured, match=fault):
        load_alert_rules(path)


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_alert_rules(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("rest", "highest", "ceiling"),
    [(60.0, 160.0, 150.0), (None, 160.0, None), (60.0, None, None), (160.0, 160.0, None)],
)
def test_the_default_ceiling_is_a_share_of_the_reserve(rest, highest, ceiling):
    assert default_ceiling_bpm(rest, highest, 90) == ceiling
