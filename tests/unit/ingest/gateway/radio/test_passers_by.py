"""Who passes by is held in memory, within bounds, and offered while in reach."""

from types import SimpleNamespace

from devices.hrs import FAMILY
from ingest.gateway.radio.passers_by import MOST, OFFERED_S, PassersBy

STRAP = SimpleNamespace(manufacturer_data={}, service_data={}, service_uuids=[FAMILY.service_uuid])
PHONE = SimpleNamespace(manufacturer_data={76: b"\x10"}, service_data={}, service_uuids=[])


def test_a_band_is_offered_while_it_is_in_reach_and_a_telephone_never():
    seen = PassersBy()

    seen.heard("AA", STRAP, 0.0)
    seen.heard("BB", PHONE, 0.0)

    assert seen.offered(OFFERED_S) == {"AA": ("hrs",)}
    assert seen.offered(OFFERED_S + 0.1) == {}


def test_of_a_crowd_the_newest_are_held():
    seen = PassersBy()

    for number in range(2 * MOST):
        seen.heard(str(number), STRAP, 0.0)

    offered = seen.offered(0.0)
    assert len(offered) == MOST
    assert "0" not in offered
