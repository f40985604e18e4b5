"""What sources dispute, or nobody has verified, gives no reading: as long as no band was tried."""

import pytest

from devices import hrs
from devices.colmi_frames import frame
from devices.registry import families_of_advert, load_families
from devices.talk import TalkTerms

FAMILIES = load_families()


@pytest.mark.parametrize("data", ["12f401000a0000e803", "120001f400000a0003e8"])
def test_the_live_steps_of_a_colmi_ring_are_read_in_neither_byte_order(data):
    """Its totals are polled instead."""
    decoded = FAMILIES["colmi"].decode([frame(0x73, bytes.fromhex(data))], None)

    assert decoded.values == ()


def test_a_quarter_of_a_colmi_ring_is_a_quarter_of_an_hour_and_no_hour():
    told = FAMILIES["colmi"].decode([frame(0x43, bytes.fromhex("2410155c00010000150010"))], None)

    (value,) = told.values
    assert value.device_ts_ms % 86_400_000 == 0x5C * 15 * 60_000


def test_of_the_totals_of_a_moyoung_band_the_steps_come_first():
    """The captured frame of 290 steps and 240 m."""
    (value,) = FAMILIES["moyoung"].decode([bytes.fromhex("220100f000000c0000")], None).values

    assert (value.quantity, value.value) == ("steps_counter", 290)


def test_a_veepoo_band_is_not_listened_to_where_steps_and_pulse_are_disputed():
    talk = FAMILIES["veepoo"].talk(TalkTerms(480))

    assert not any("fea1" in uuid for uuid in (*talk.notify, *talk.reads))


def test_no_family_takes_the_adverts_of_huawei_for_a_pulse():
    assert families_of_advert({0x027D: bytes(24)}, {}, ()) == ()


def test_the_heart_rate_service_is_left_alone_where_a_maker_is_known_to_tell_a_stored_pulse():
    for key in ("ycbt", "moyoung", "jring_56ff"):
        talk = FAMILIES[key].talk(TalkTerms(480))

        assert FAMILIES[key].has_stored_pulse
        assert hrs.MEASUREMENT not in (*talk.notify, *talk.reads)


def test_of_pulse_pressure_and_oxygen_in_one_frame_only_the_pulse_is_a_reading():
    frame_of_all = bytes.fromhex("243c784e62").ljust(20, b"\0")

    (value,) = FAMILIES["jring_56ff"].decode([frame_of_all], None).values

    assert (value.quantity, value.value) == ("heart_rate_bpm", 60)
