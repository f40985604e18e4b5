"""The short form of `adhere bench chaos`: each fault once or twice, the accounts to the row.

The long form is a command: `adhere bench chaos --kills 200 --seed 1`.
"""

import json
import os

import pytest
from typer.testing import CliRunner

from scripts.bench.chaos.faults import KILLS, OTHERS
from scripts.commands.bench import app
from tests.recordings import say

SEED = int(os.environ.get("ADHERE_CHAOS_SEED", "7"))


@pytest.mark.timeout(600)
def test_whatever_is_killed_filled_flipped_or_set_wrong_the_accounts_agree(pytestconfig):
    done = CliRunner().invoke(
        app,
        ["chaos", "--kills", str(len(KILLS)), "--others", "1", "--seed", str(SEED), "--json"],
        catch_exceptions=False,
    )
    account = json.loads(done.stdout.splitlines()[-1])

    say(pytestconfig, f"seed {SEED}: {account}")
    assert done.exit_code == 0, account
    assert account["differences"] == []
    assert account["done"] == dict.fromkeys((*KILLS, *OTHERS), 1)
    apart = sum(account["quarantined"].values())
    assert account["handed"] == account["in_database"] + account["missing"] + apart
    assert account["missing"] <= account["lost_by_the_gateways_word"]
    assert account["lost_declared_to_the_district"] == account["lost_by_the_gateways_word"]
    assert account["in_database"] > 1000
