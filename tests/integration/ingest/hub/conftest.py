"""A town for the hub: enrolled boxes in a real database, a broker, and a hub at work."""

import pytest

from ingest.batch.keys import make_keys
from ingest.broker import EmbeddedBroker
from scripts.show.ports import held_port
from storage.database import connect
from tests.boxes import listening
from tests.hubs import enrolled_box, hub_at_work, open_centre


@pytest.fixture
def db(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def enrolled(db):
    """Make a box and enrol it."""
    open_centre(db)
    return lambda gateway="box-1": enrolled_box(db, gateway)


@pytest.fixture
def box(enrolled):
    return enrolled()


@pytest.fixture
def hub_keys():
    return make_keys()


@pytest.fixture
def amqtt():
    with held_port() as port, EmbeddedBroker(port) as broker:  # its own, also after a restart
        yield broker


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def hub(database, broker, hub_keys):
    with hub_at_work(database, broker, hub_keys) as working:
        yield working


@pytest.fixture
def ear(broker, box, hub_keys):
    with listening(broker, box, hub_keys.public.signing) as listener:
        yield listener
