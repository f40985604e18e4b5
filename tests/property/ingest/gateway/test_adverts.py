from hypothesis import given
from hypothesis import strategies as st

from devices.registry import load_families
from ingest.gateway.radio.adverts import Outcome, said_anew
from ingest.gateway.radio.bands import Band
from ingest.gateway.radio.pace import Pace, Retry

SPEAKING = [family for family in load_families().values() if family.advert is not None]


@st.composite
def adverts(draw):
    """What a family's part of an advert may be: any bytes, sound ones among them."""
    family = draw(st.sampled_from(SPEAKING))
    sound = {
        "polar_advert": st.binary(min_size=4, max_size=4),
        "miband_advert": st.binary(min_size=23, max_size=23).map(lambda rest: b"\x02" + rest),
    }
    frames = st.one_of(st.binary(max_size=32), sound.get(family.key, st.nothing()))
    manufacturer = {family.advert.company_id: draw(frames)}
    service = family.advert.service_data_uuid
    said = {service: draw(st.binary(max_size=6))} if service and draw(st.booleans()) else {}
    return family, manufacturer, said


@given(heard=st.lists(st.tuples(adverts(), st.floats(0, 3)), max_size=60))
def test_whatever_a_band_sends_has_one_outcome_and_readings_only_when_taken(heard):
    band, mono_s = Band("band", "BAND", None, Retry(Pace())), 0.0
    for (family, manufacturer, service), after_s in heard:
        mono_s += after_s
        said = said_anew(band, family, manufacturer, service, mono_s)
        assert bool(said.values) == (said.outcome is Outcome.TAKEN)
        assert bool(said.reason) == (said.outcome is Outcome.REJECTED)
