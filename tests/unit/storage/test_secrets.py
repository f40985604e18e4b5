"""Secrets in the database are read by the rosters alone; whatever prints a row hides them."""

import re
from pathlib import Path

import storage
from storage.rosters import ClaimerRow, WornRow

SQL = Path(str(storage.__file__)).with_name("sql")
SECRETS = re.compile(r"\b(irk|claim_code\.(salt|hash))\b")


def queries():
    for path in SQL.glob("*.sql"):
        for part in path.read_text("utf-8").split("-- name: ")[1:]:
            name, _, text = part.partition("\n")
            yield name.strip(), text


def test_only_the_rosters_read_a_secret_and_only_registering_writes_one():
    reading = {name for name, text in queries() if SECRETS.search(text)}

    assert reading == {"roster_bands", "roster_claimers", "put_band_key"}


def test_a_row_shows_neither_key_nor_hash():
    nothing = (None,) * 10
    worn = WornRow(1, "band", "hrs", "p-1", *nothing, None, b"secret key 16 by")
    claimer = ClaimerRow(1, "p-1", b"salt", b"the hash", *(None,) * 8)

    assert "secret" not in repr(worn)
    assert "hash" not in repr(claimer)
