import pytest

from ingest.gateway.radio.adverts import Outcome, is_heard_by, said_anew

POLAR, XIAOMI = 0x006B, 0x0157
STEPS = "0000fee0-0000-1000-8000-00805f9b34fb"


def mi(bpm):
    return {XIAOMI: bytes([2, 2, 1, bpm]) + b"\xff" * 13 + b"\x02" + bytes(6)}


def polar(counter, bpm=70):
    return {POLAR: bytes([0b100010 | counter << 2, 0x16, bpm, bpm])}


@pytest.fixture
def said(band, families):
    """Hear an advert; the outcome and the values by quantity."""

    def hear(family, manufacturer, mono_s, service=None):
        said = said_anew(band, families[family], manufacturer, service or {}, mono_s)
        return said.outcome, {value.quantity: value.value for value in said.values}

    return hear


def test_a_pulse_at_one_hertz_is_all_kept_however_even(said):
    outcomes = [said("miband_advert", mi(72), second)[0] for second in range(600)]

    assert set(outcomes) == {Outcome.TAKEN}


def test_what_a_busy_moment_delayed_is_kept_when_it_comes_all_at_once(said):
    times = [0, 1, 2, 5, 5, 5, 6, 7]

    assert all(said("miband_advert", mi(72), at)[0] is Outcome.TAKEN for at in times)


def test_ten_adverts_a_second_of_one_value_are_kept_once_a_second(said):
    outcomes = [said("miband_advert", mi(72), tenth / 10)[0] for tenth in range(6_000)]

    assert 600 <= outcomes.count(Outcome.TAKEN) <= 1.15 * 600
    assert outcomes.count(Outcome.TAKEN) + outcomes.count(Outcome.REPEATED) == 6_000


def test_a_new_value_is_never_held_back(said):
    for tenth in range(600):
        bpm = 60 + tenth % 100
        assert said("miband_advert", mi(bpm), tenth / 10) == (
            Outcome.TAKEN,
            {"heart_rate_bpm": bpm},
        )


def test_pulse_and_steps_that_come_apart_are_both_kept(said):
    for second in range(60):
        assert said("miband_advert", mi(72), second)[0] is Outcome.TAKEN
        assert said("miband_advert", {}, second, {STEPS: bytes([9, 0, 0, 0])}) == (
            Outcome.TAKEN,
            {"steps_counter": 9},
        )


def test_the_same_counter_is_the_same_frame_and_then_a_stale_one(said):
    assert said("polar_advert", polar(1), 0)[0] is Outcome.TAKEN
    assert said("polar_advert", polar(1), 1) == (Outcome.REPEATED, {})
    assert said("polar_advert", polar(1, bpm=99), 2) == (Outcome.REPEATED, {})
    assert said("polar_advert", polar(1), 6) == (Outcome.STALE, {})
    assert said("polar_advert", polar(2), 7)[0] is Outcome.TAKEN


def test_an_even_pulse_with_a_running_counter_is_kept(said):
    outcomes = {said("polar_advert", polar(second % 8), second)[0] for second in range(600)}

    assert outcomes == {Outcome.TAKEN}


def test_an_advert_without_a_value_is_empty_and_one_that_is_none_is_rejected(said):
    assert said("miband_advert", mi(0xFF), 0) == (Outcome.EMPTY, {})
    assert said("miband_advert", {XIAOMI: b"\x02\x01"}, 1) == (Outcome.REJECTED, {})


def test_what_the_link_says_the_adverts_do_not(said, band):
    band.said_by_link["heart_rate_bpm"] = 100.0

    assert said("polar_advert", polar(1), 101) == (Outcome.LINKED, {})
    assert said("miband_advert", mi(72), 102, {STEPS: bytes([9, 0, 0, 0])}) == (
        Outcome.TAKEN,
        {"steps_counter": 9},
    )
    assert said("polar_advert", polar(2), 106)[0] is Outcome.TAKEN, "the link is silent"


def test_of_two_adapters_the_first_counts_while_it_hears(band):
    assert is_heard_by(band, "one", 0)
    assert not is_heard_by(band, "two", 0.01)
    assert is_heard_by(band, "one", 1)
    assert not is_heard_by(band, "two", 4)
    assert is_heard_by(band, "two", 4.01)
    assert not is_heard_by(band, "one", 4.02)


def test_what_cannot_be_read_is_kept_aside_once_however_often_it_is_sent(band, families):
    """Ten times a second, in two forms, with sound frames in between."""
    outcomes, kept = [], []
    for tenth in range(600):
        form = {XIAOMI: bytes([1 + tenth % 2 * 2]) + bytes(23)}
        said = said_anew(band, families["miband_advert"], form, {}, tenth / 10)
        outcomes.append(said.outcome)
        kept += [said.data] if said.reason else []
    sound = said_anew(band, families["miband_advert"], mi(72), {}, 60.0)

    assert (outcomes.count(Outcome.REJECTED), outcomes.count(Outcome.REPEATED)) == (2, 598)
    assert sorted(data[0] for data in kept) == [1, 3]
    assert sound.outcome is Outcome.TAKEN
