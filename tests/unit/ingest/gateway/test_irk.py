"""Private addresses: the specification's own vector, and what an address costs the second time."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from ingest.gateway import irk as irks
from ingest.gateway.irk import REMEMBERED, AddressResolver, resolves

IRK = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")
"""Core Specification 5.4, Vol 3, Part H, Appendix D.7: prand 708194 gives the hash 0dfbaa."""
ADDRESS = "70:81:94:0D:FB:AA"


def made(irk, random):
    """The address a key makes of 24 random bits (of which two are fixed), by the definition."""
    random = bytes([0x40 | random[0] & 0x3F]) + random[1:]
    encryptor = Cipher(AES(irk), ECB()).encryptor()  # noqa: S305 - one block by definition
    block = encryptor.update(bytes(13) + random)
    return ":".join(f"{octet:02X}" for octet in random + block[13:])


def test_the_specifications_example_resolves():
    assert resolves(IRK, ADDRESS)
    assert resolves(IRK, ADDRESS.lower())
    assert made(IRK, bytes.fromhex("708194")) == ADDRESS


@pytest.mark.parametrize(
    "address",
    [
        "70:81:94:0D:FB:AB",  # one bit of the hash
        "70:81:95:0D:FB:AA",  # one bit of the random part
        "F0:81:94:0D:FB:AA",  # static random: top bits 11
        "30:81:94:0D:FB:AA",  # not resolvable: top bits 00
        "B0:81:94:0D:FB:AA",  # reserved: top bits 10
        "708194-0dfbaa",
        "",
        "serial-1",
    ],
)
def test_what_the_key_did_not_make_does_not_resolve(address):
    assert not resolves(IRK, address)
    assert AddressResolver(lambda: {"watch": IRK}).device_key(address) is None


def test_a_key_written_backwards_resolves_nothing():
    assert not resolves(IRK[::-1], ADDRESS)


@given(
    keys=st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=20, unique=True),
    random=st.binary(min_size=3, max_size=3),
    data=st.data(),
)
def test_the_band_behind_any_address_its_key_makes_is_found(keys, random, data):
    known = {f"band-{number}": key for number, key in enumerate(keys)}
    whose = data.draw(st.sampled_from(sorted(known)))
    address = made(known[whose], random)
    fit = [key for key, irk in known.items() if resolves(irk, address)]

    assert AddressResolver(lambda: known).device_key(address) == (whose if fit == [whose] else None)


def test_an_address_that_two_keys_made_is_nobodys():
    assert AddressResolver(lambda: {"a": IRK, "b": IRK}).device_key(ADDRESS) is None


class Counting:
    """Stands for the keys' ciphers; counts the blocks."""

    blocks = 0

    def __init__(self, real):
        self.real = real

    def update(self, block):
        Counting.blocks += 1
        return self.real.update(block)


@pytest.fixture
def counted(monkeypatch):
    real = vars(irks)["_encryptor"]
    Counting.blocks = 0
    monkeypatch.setattr(irks, "_encryptor", lambda irk: Counting(real(irk)))
    return Counting


def test_an_address_costs_its_blocks_once_whether_it_is_ours_or_not(counted):
    keys = {f"band-{number}": bytes([number]) * 16 for number in range(200)} | {"ours": IRK}
    resolver = AddressResolver(lambda: keys)
    stranger = made(bytes(range(16)), b"abc")

    for _ in range(1_000):
        assert resolver.device_key(ADDRESS) == "ours"
        assert resolver.device_key(stranger) is None
        assert resolver.device_key("C0:FF:EE:00:00:01") is None

    assert counted.blocks == 2 * len(keys)


def test_the_memory_of_addresses_is_bounded_and_keeps_those_seen_last(counted):
    resolver = AddressResolver(lambda: keys)
    keys = {"ours": IRK}
    resolver.device_key(ADDRESS)
    for number in range(2 * REMEMBERED):
        resolver.device_key(made(bytes(range(16)), number.to_bytes(3)))
        resolver.device_key(ADDRESS)

    assert resolver.device_key(ADDRESS) == "ours"
    assert counted.blocks == 1 + 2 * REMEMBERED
    first = made(bytes(range(16)), bytes(3))
    assert resolver.device_key(first) is None
    assert counted.blocks == 2 + 2 * REMEMBERED  # it was forgotten, and looked at again


def test_a_new_key_is_tried_on_addresses_that_were_strange_before():
    keys = {}
    resolver = AddressResolver(lambda: keys)
    assert resolver.device_key(ADDRESS) is None
    keys = {"other": bytes(16)}
    assert resolver.device_key(ADDRESS) is None

    keys = {"other": bytes(16), "ours": IRK}
    assert resolver.device_key(ADDRESS) == "ours"

    keys = {"other": bytes(16)}
    assert resolver.device_key(ADDRESS) is None
