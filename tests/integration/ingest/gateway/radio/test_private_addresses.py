"""Bands that change their address: known by their key, and everything of them under one name."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from devices.virtual.bands import heart_rate_strap, mi_advert
from ingest.gateway.irk import AddressResolver
from ingest.gateway.radio.check import look_around
from tests.radio_room import HCI0, collecting, rising

KEY = "c0:ff:ee:00:08:01"
"""As the roster names the band: its identity address."""
IRK = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")


def private(number, irk=IRK):
    """A resolvable private address, worked out beside the resolver."""
    random = (0x400000 + number).to_bytes(3, "big")
    encryptor = Cipher(AES(irk), ECB()).encryptor()  # noqa: S305 - one block by definition
    made = encryptor.update(random.rjust(16, b"\0"))[-3:]
    return ":".join(f"{octet:02X}" for octet in random + made)


@pytest.mark.parametrize(
    ("family", "maker"), [("miband_advert", mi_advert), (None, heart_rate_strap)]
)
def test_a_band_is_one_band_under_all_its_addresses(on_the_air, family, maker):
    resolver = AddressResolver(lambda keys={KEY: IRK}: keys)

    async def scene(radio):
        first, second = (maker(private(number), rising()) for number in (1, 2))
        stranger = maker(private(3, irk=bytes(16)), rising())
        for band in (first, stranger):
            radio.add_band(band)
        async with collecting(
            {KEY: family}, device_key_of=resolver.device_key, silent_after_s=0.5
        ) as collector:
            await collector.until(lambda: len(collector.stored) > 5)
            radio.walk_away(first)
            radio.add_band(second)
            had = len(collector.stored)
            await collector.until(lambda: second.sent_values["heart_rate_bpm"] > 5)
            await collector.until(lambda: len(collector.stored) > had + 5)
        assert {reading.device_key for reading in collector.stored} == {KEY}
        assert collector.counters.unregistered_adverts > 0, "the stranger is nobody's"
        assert stranger.sent_notifications.total() == 0

    on_the_air(scene)


def test_the_check_names_a_band_behind_a_private_address_as_the_roster_does(on_the_air):
    async def scene(radio):
        ours = mi_advert(private(5), rising())
        stranger = mi_advert(private(6, irk=bytes(16)), rising())
        for band in (ours, stranger):
            radio.add_band(band)
        return stranger.address, await look_around(
            [HCI0], {KEY: None}, for_s=0.5, identity_keys={KEY: IRK}
        )

    stranger, around = on_the_air(scene)

    assert {address: band.registered for address, band in around.bands.items()} == {
        KEY.upper(): True,
        stranger: False,
    }
