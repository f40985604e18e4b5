from structlog.testing import capture_logs

from ingest.gateway.radio.bands import Bands
from ingest.gateway.radio.counters import RadioCounters
from ingest.gateway.radio.pace import Pace, Retry
from ingest.gateway.radio.presence import Presence


def test_a_band_is_found_by_bluez_spelling_and_keeps_the_rosters():
    bands = Bands(lambda: {"c0:ff:ee:00:00:01": "hrs"}, Pace())
    bands.refresh()

    band = bands.get("C0:FF:EE:00:00:01")
    assert (band.key, band.link_family.key) == ("c0:ff:ee:00:00:01", "hrs")
    assert bands.get("C0:FF:EE:00:00:02") is None


def test_a_band_that_stays_registered_keeps_what_is_known_of_it():
    registered = {"A": "hrs", "B": "hrs"}
    bands = Bands(lambda: registered, Pace())
    bands.refresh()
    kept, gone = bands.get("A"), bands.get("B")

    registered = {"A": "hrs", "C": None}
    bands.refresh()

    assert bands.get("A") is kept
    assert kept.is_registered
    assert not kept.must_leave
    assert (gone.is_registered, gone.must_leave, gone.woken.is_set()) == (False, True, True)
    assert len(bands) == 2


def test_a_band_of_another_family_begins_anew():
    registered = {"A": "hrs"}
    bands = Bands(lambda: registered, Pace())
    bands.refresh()
    before = bands.get("A")

    registered = {"A": "miband_advert"}
    bands.refresh()

    assert bands.get("A") is not before
    assert bands.get("A").link_family is None
    assert before.must_leave


def test_a_family_of_a_newer_district_is_said_and_the_band_is_heard_all_the_same():
    bands = Bands(lambda: {"A": "of_tomorrow"}, Pace())

    with capture_logs() as logs:
        bands.refresh()

    assert bands.get("A").family is None
    assert [log["family"] for log in logs if log["event"] == "unknown_family"] == ["of_tomorrow"]


def test_a_band_that_falls_silent_and_one_that_comes_back_are_counted(band):
    counters = RadioCounters()
    presence = Presence(30.0, counters)

    presence.look([band], 1_000.0)
    assert (counters.bands_lost, counters.bands_heard) == (0, 0), "it was never heard"
    band.was_heard(1_000.0)
    presence.look([band], 1_029.9)
    assert (counters.bands_lost, counters.bands_heard) == (0, 1)
    presence.look([band], 1_030.0)
    presence.look([band], 1_500.0)
    assert (counters.bands_lost, counters.bands_heard) == (1, 0)
    band.was_heard(1_600.0)
    presence.look([band], 1_600.0)
    assert (counters.bands_lost, counters.bands_back, counters.bands_heard) == (1, 1, 1)


def test_waits_double_up_to_the_most_and_begin_again_after_a_success():
    retry = Retry(Pace(retry_least_s=1.0, retry_most_s=60.0))

    waits = [retry.next_s() for _ in range(10)]
    bounds = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, bounds, strict=True))
    retry.worked()
    assert retry.next_s() <= 1.0


def test_a_private_address_leads_to_the_band_that_the_roster_names():
    asked = []

    def device_key_of(address):
        asked.append(address)
        return {"70:81:94:0D:FB:AA": "c0:ff:ee:00:00:01"}.get(address)

    bands = Bands(lambda: {"c0:ff:ee:00:00:01": "hrs"}, Pace(), device_key_of)
    bands.refresh()

    own = bands.get("C0:FF:EE:00:00:01")
    assert own is not None
    assert asked == [], "its own address needs no key"
    assert bands.get("70:81:94:0D:FB:AA") is own
    assert bands.get("70:81:94:0D:FB:AB") is None
    assert bands.named("c0:ff:ee:00:00:01") is own
