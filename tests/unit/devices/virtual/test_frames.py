"""What virtual bands send, byte for byte, against frames recorded from real ones."""

from datetime import UTC, datetime

from devices.virtual.bands import (
    colmi_ring,
    heart_rate_strap,
    huami_band,
    mi_advert,
    moyoung_band,
    veepoo_band,
    wearfit_watch,
    xoss_advert,
)
from devices.virtual.bands.colmi import COLMI_WRITE, Command, framed
from devices.virtual.bands.huami import HUAMI_STEPS
from devices.virtual.bands.moyoung import MOYOUNG_TOTALS, MOYOUNG_WRITE
from devices.virtual.bands.uuids import HUAMI_SERVICE
from devices.virtual.bands.veepoo import VEEPOO_WRITE
from devices.virtual.bands.wearfit import WEARFIT_WRITE

ADDRESS = "AA:BB:CC:DD:EE:FF"


def utc_ms(*moment):
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1000)


def answers(band, characteristic, written, now_ms=0):
    frames = band.link.written(characteristic, written, now_ms)
    return [frame.data.hex() for frame in frames]


def test_a_mi_band_says_what_a_recorded_one_said():
    band = mi_advert(ADDRESS, lambda _: 125, steps=lambda at: 9101 if at else 0, utc_offset_min=0)
    advert = band.advert(86_399_999)
    assert advert.manufacturer_data[0x0157].hex() == "0202017d" + "ff" * 13 + "02aabbccddeeff"
    assert advert.service_data[HUAMI_SERVICE].hex() == "8d230000"


def test_a_strap_says_pulse_and_contact():
    assert heart_rate_strap(ADDRESS, lambda _: 75).link.beat(0)[0].data == bytes([0x06, 75])


def test_an_xoss_strap_says_what_a_recorded_one_said():
    advert = xoss_advert(ADDRESS, lambda _: 63, battery_pct=97).advert(0)
    assert advert.manufacturer_data[0xFF04].hex() == "0161063f"


def test_a_huami_band_tells_steps_as_a_recorded_one_did():
    """0c570000003500000002000000: 87 steps; metres and kcal are guesses."""
    band = huami_band(
        ADDRESS, lambda at: 87 if at else 0, utc_offset_min=0, clock=lambda: 86_399_999
    )
    assert band.link.read(HUAMI_STEPS).hex().startswith("0c57000000")
    assert len(band.link.read(HUAMI_STEPS)) == 13


def test_a_moyoung_band_tells_totals_and_its_version_as_recorded_ones_did():
    """220100f00000100000: 290 steps, 240 m, 16 kcal; the last two are guesses that come near."""
    band = moyoung_band(
        ADDRESS,
        lambda _: 70,
        steps=lambda at: 290 if at else 0,
        utc_offset_min=0,
        clock=lambda: 86_399_999,
    )
    assert band.link.read(MOYOUNG_TOTALS).hex() == "220100f10000100000"
    asked = bytes.fromhex("feea20052e")
    assert answers(band, MOYOUNG_WRITE, asked) == ["feea20062e01"]
    assert answers(band, MOYOUNG_WRITE, bytes.fromhex("feea10052e")) == []


def test_a_wearfit_watch_answers_as_recorded_ones_did():
    watch = wearfit_watch(ADDRESS, lambda _: 71, battery_pct=80)
    assert answers(watch, WEARFIT_WRITE, bytes.fromhex("ab0004ff918001")) == ["ab0005ff91800050"]
    assert answers(watch, WEARFIT_WRITE, bytes.fromhex("ab0004ff310a01")) == []
    assert [frame.data.hex() for frame in watch.link.beat(0)] == ["ab0005ff310a4730"]
    assert answers(watch, WEARFIT_WRITE, bytes.fromhex("ab0004ff310a00")) == []
    assert watch.link.beat(1000) == ()


def test_a_colmi_ring_answers_as_recorded_rings_did():
    ring = colmi_ring(ADDRESS, lambda _: 78, battery_pct=64, warm_up_beats=0)
    asked = framed(Command.BATTERY)
    assert answers(ring, COLMI_WRITE, asked) == ["03400000000000000000000000000043"]
    asked = framed(Command.LOG_SETTINGS, bytes([2, 1, 60]))
    assert answers(ring, COLMI_WRITE, asked) == ["1602013c000000000000000000000055"]
    assert answers(ring, COLMI_WRITE, framed(Command.START_LIVE, b"\x01\x01")) == []
    assert [f.data.hex() for f in ring.link.beat(0)] == ["6901004e0000000000000000000000b8"]
    assert answers(ring, COLMI_WRITE, framed(Command.STOP_LIVE, b"\x01")) == []
    assert ring.link.beat(0) == ()


def test_a_colmi_ring_tells_a_quarter_as_a_recorded_one_did():
    """432410155c0001790015001000000087: 2024-10-15, quarter 92, 21 steps; calories are guesses."""
    walk_ms = utc_ms(2024, 10, 15, 23, 5)
    ring = colmi_ring(
        ADDRESS, lambda _: None, steps=lambda at: 21 if at >= walk_ms else 0, utc_offset_min=0
    )
    now_ms = utc_ms(2024, 10, 15, 23, 50)
    asked = framed(Command.STEPS, bytes([0, 0x0F, 0, 0x5F, 1]))
    head, quarter = answers(ring, COLMI_WRITE, asked, now_ms)
    assert head.startswith("43f00101")
    assert quarter.startswith("432410155c0001")
    assert quarter[18:22] == "1500"


def test_a_colmi_ring_tells_a_day_in_24_packets():
    midnight_ms = utc_ms(2024, 10, 31)
    ring = colmi_ring(
        ADDRESS,
        lambda at: {6 * 300_000: 104, 287 * 300_000: 70}.get(at - midnight_ms),
        utc_offset_min=0,
    )
    asked = framed(Command.LOG, (midnight_ms // 1000).to_bytes(4, "little"))
    packets = answers(ring, COLMI_WRITE, asked, midnight_ms + 86_400_000 - 1)
    assert len(packets) == 24
    assert packets[0] == "15001805000000000000000000000032"
    assert packets[1].startswith("1501" + (midnight_ms // 1000).to_bytes(4, "little").hex())
    assert packets[1][24:26] == "68"  # slot 6
    assert packets[23][14:16] == "46"  # slot 287 is the sixth of the last packet
    assert {packet[2:4] for packet in packets} == {f"{number:02x}" for number in range(24)}


def test_a_colmi_ring_has_nothing_of_a_day_it_does_not_keep():
    ring = colmi_ring(ADDRESS, lambda _: 70, utc_offset_min=0)
    now_ms = utc_ms(2024, 10, 31, 12)
    old_s = utc_ms(2024, 10, 20) // 1000
    no_log = answers(ring, COLMI_WRITE, framed(Command.LOG, old_s.to_bytes(4, "little")), now_ms)
    assert no_log == ["15ff0000000000000000000000000014"]
    no_steps = answers(ring, COLMI_WRITE, framed(Command.STEPS, bytes([9])), now_ms)
    assert no_steps == ["43ff0000000000000000000000000042"]


def test_a_colmi_ring_meets_a_wrong_sum_with_silence():
    ring = colmi_ring(ADDRESS, lambda _: 70)
    assert answers(ring, COLMI_WRITE, framed(Command.BATTERY)[:-1] + b"\x00") == []
    assert answers(ring, COLMI_WRITE, b"") == []


def hello(year=2025, password=b"\0\0\0"):
    return bytes([0xA1]) + password + year.to_bytes(2, "big") + bytes([11, 22, 10, 20, 0, 1, 0])


def test_a_veepoo_band_says_nothing_before_the_hello():
    band = veepoo_band(ADDRESS, lambda _: 70)
    assert answers(band, VEEPOO_WRITE, b"\xa0\x00") == []
    assert answers(band, VEEPOO_WRITE, hello(password=b"\0\0\1")) == []
    assert answers(band, VEEPOO_WRITE, hello()) == ["a1" + "00" * 10 + "01" + "00" * 8]
    assert answers(band, VEEPOO_WRITE, b"\xa0\x00") == ["a00000004c004c00"]
    band.link.link_lost()
    assert answers(band, VEEPOO_WRITE, b"\xa0\x00") == []


def test_a_veepoo_band_says_what_a_recorded_one_said():
    now_ms = utc_ms(2025, 9, 11, 10, 9, 59)
    start_ms = utc_ms(2025, 9, 11, 10, 5)
    lived = [60, 75, 96, 85, 80]

    def pulse(at):
        return lived[(at - start_ms) // 60_000] if start_ms <= at <= now_ms else None

    band = veepoo_band(
        ADDRESS, pulse, steps=lambda at: 835 if at > start_ms else 0, worn_since_utc_ms=1
    )
    at_hello = hello()[:6] + bytes([9, 11, 10, 9, 59]) + hello()[11:]
    answers(band, VEEPOO_WRITE, at_hello, now_ms)
    (totals,) = answers(band, VEEPOO_WRITE, b"\xd8\x00", now_ms)
    assert totals.startswith("d80043030000")
    first, second, end = answers(band, VEEPOO_WRITE, b"\xdf\x01\x00\x00", now_ms)
    assert (first[:8], second[:8], end) == ("df007901", "df007902", "dfffff")
    record = first[8:] + second[8:]
    assert record.startswith("b104090b0a05b20a03430000")
    assert record.endswith("b4053c4b605550")
