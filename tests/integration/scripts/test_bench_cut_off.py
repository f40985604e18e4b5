"""The short form of `adhere bench cut-off`: two hubs on two hosts, one of them cut off."""

import subprocess
from pathlib import Path

import pytest

from scripts.bench.cut_off import shown
from scripts.bench.cut_off.run import Plan, run
from scripts.bench.cut_off.wires import may_lay_wires, wires
from tests.mosquitto import installed


@pytest.fixture(autouse=True)
def _may():
    if not may_lay_wires():
        pytest.skip("only root may make network namespaces")


@pytest.fixture
def folder(tmp_path):
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o711)  # the database runs as another account and has to pass through
    return tmp_path


def test_a_hub_that_is_cut_off_costs_resends_and_nothing_else(folder):
    installed()
    plan = Plan(cut_s=8, lead_s=1, every_s=0.2, resend_s=1, keepalive_s=5)

    outcome = run(plan, folder, lambda *_: None)

    assert (outcome.lost, outcome.doubled, outcome.dead_letters) == (0, 0, 0)
    assert outcome.stored == outcome.batches > 40
    assert outcome.sent_again > 0, "what went to the hub that was cut off came again"
    mine, other = outcome.by_hub
    assert other > mine > 0
    assert "lost 0, doubled 0" in "\n".join(shown.lines(outcome))
    assert shown.as_json(outcome)["lost"] == 0


def test_a_cut_wire_carries_nothing_and_a_mended_one_does(tmp_path):
    with wires(1) as (wire,):

        def answers():
            ping = wire.argv(["python3", "-c", f"import socket\n{KNOCK % wire.here}"])
            return subprocess.run(ping, check=False, capture_output=True).returncode == 0

        assert answers()
        wire.cut()
        assert not answers()
        wire.mend()
        assert answers()
    assert not Path("/run/netns", wire.host).exists()


KNOCK = """
try:
    socket.create_connection((%r, 9), 1)
except ConnectionRefusedError:
    pass  # somebody is there, and listens to nothing
"""
