"""Who passes by is held in memory, within bounds, and offered while in reach."""

from types import SimpleNamespace

from devices.hrs import FAMILY
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.radio.passers_by import LOOK_AGAIN_S, MOST, OFFERED_S, PassersBy


def advert(*service_uuids, name=None, rssi=-60, **data):
    return SimpleNamespace(
        **{"manufacturer_data": {}, "service_data": {}} | data,
        service_uuids=list(service_uuids),
        local_name=name,
        rssi=rssi,
    )


STRAP = advert(FAMILY.service_uuid)
PHONE = advert(manufacturer_data={76: b"\x10"})


def test_a_band_is_offered_while_it_is_in_reach_and_a_telephone_never():
    seen = PassersBy()

    seen.heard("AA", STRAP, 0.0)
    seen.heard("BB", PHONE, 0.0)

    assert seen.offered(OFFERED_S) == {"AA": Neighbour("AA", ("hrs",), "", -60)}
    assert seen.offered(OFFERED_S + 0.1) == {}


def test_of_a_crowd_the_newest_are_held():
    seen = PassersBy()

    for number in range(2 * MOST):
        seen.heard(str(number), STRAP, 0.0)

    offered = seen.offered(0.0)
    assert len(offered) == MOST
    assert "0" not in offered


def test_name_and_strength_are_those_of_the_last_look():
    seen = PassersBy()
    seen.heard("AA", STRAP, 0.0)
    seen.heard("AA", advert(FAMILY.service_uuid, name="Watch\n" + "x" * 40, rssi=-40), 1.0)
    assert seen.offered(1.0)["AA"].rssi_dbm == -60

    seen.heard("AA", advert(FAMILY.service_uuid, name="Watch\n" + "x" * 40, rssi=-40), LOOK_AGAIN_S)

    found = seen.offered(LOOK_AGAIN_S)["AA"]
    assert (found.name, found.rssi_dbm) == ("Watch" + "x" * 19, -40)
    assert found.can_be_claimed
