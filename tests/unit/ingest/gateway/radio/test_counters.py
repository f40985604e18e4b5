import json
from pathlib import Path

from ingest.gateway.neighbour import Neighbour
from ingest.gateway.radio.counters import RadioCounters

GUIDE = Path(__file__).parents[5] / "docs/howto/set-up-radio.md"


def test_every_counter_is_explained_and_none_that_is_not():
    table = GUIDE.read_text("utf-8").partition("## What the counters mean")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = {word for row in rows for word in row.split("`")[1::2]}

    assert explained == set(RadioCounters().as_dict())


def test_the_counters_are_plain_json_and_name_nobody():
    counters = RadioCounters(
        offered={"C0:FF:EE:00:00:01": Neighbour("C0:FF:EE:00:00:01", ("hrs",))}
    )
    counters.links_ended["lost"] += 1

    text = json.dumps(counters.as_dict())

    assert json.loads(text)["links_ended"] == {"lost": 1}
    assert "C0:FF" not in text
