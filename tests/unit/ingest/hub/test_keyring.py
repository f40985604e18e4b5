import pytest

from config.errors import Rejected
from ingest.hub.keyring import Keyring
from storage.gateways import GatewayKey


class Table:
    """Keys as the database would give them."""

    def __init__(self):
        self.keys = {("c", "g", b"kid"): GatewayKey(7, bytes(32), bytes(32))}
        self.asked = 0

    def find(self, centre, gateway, kid):
        self.asked += 1
        try:
            return self.keys[centre, gateway, kid]
        except KeyError:
            raise Rejected("unknown_key") from None


def test_a_known_key_is_asked_for_once_until_it_is_stale():
    table, now = Table(), [0.0]
    keyring = Keyring(table.find, refresh_s=10, clock=lambda: now[0])

    for now[0] in (0.0, 5.0, 9.9):
        assert keyring.key("c", "g", b"kid").gateway_id == 7
    assert table.asked == 1
    now[0] = 10.0
    keyring.key("c", "g", b"kid")
    assert table.asked == 2


def test_a_key_revoked_meanwhile_is_refused_when_the_memory_of_it_is_stale():
    table, now = Table(), [0.0]
    keyring = Keyring(table.find, refresh_s=10, clock=lambda: now[0])
    keyring.key("c", "g", b"kid")
    table.keys.clear()

    now[0] = 10.0

    with pytest.raises(Rejected):
        keyring.key("c", "g", b"kid")


def test_a_key_enrolled_after_a_miss_is_found_at_once():
    table = Table()
    keyring = Keyring(table.find, refresh_s=10, clock=lambda: 0.0)
    with pytest.raises(Rejected):
        keyring.key("c", "new", b"kid")

    table.keys["c", "new", b"kid"] = GatewayKey(8, bytes(32), bytes(32))

    assert keyring.key("c", "new", b"kid").gateway_id == 8


def test_a_key_is_remembered_for_its_own_gateway_only():
    keyring = Keyring(Table().find, refresh_s=10, clock=lambda: 0.0)
    keyring.key("c", "g", b"kid")

    with pytest.raises(Rejected):
        keyring.key("c", "other", b"kid")
