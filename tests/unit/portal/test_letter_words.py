"""Every reason of a dead letter that the reference explains has words on the operations page."""

import re
from pathlib import Path

from portal.letter_words import REASONS

ROOT = Path(__file__).resolve().parents[3]


def test_each_reason_of_the_reference_has_words_and_no_other():
    page = (ROOT / "docs" / "reference" / "dead-letter-reasons.md").read_text("utf-8")

    assert set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE)) == set(REASONS)
