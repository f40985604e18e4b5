import pytest

from devices.registry import load_families
from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.pace import Pace, Retry


@pytest.fixture
def band():
    """A registered band, of a family that the test may set."""
    return Band("c0:ff:ee:00:00:01", "C0:FF:EE:00:00:01", None, Retry(Pace()))


@pytest.fixture
def families():
    return load_families()
