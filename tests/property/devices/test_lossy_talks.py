"""Whatever is lost, doubled or late: no value twice, none invented, no gap taken for a whole."""

from datetime import UTC, datetime
from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.colmi_talk import ColmiTalk
from devices.talk import TalkTerms
from devices.veepoo_talk import VeepooTalk
from devices.virtual.bands.colmi import colmi_ring
from devices.virtual.bands.veepoo import veepoo_band
from devices.virtual.bands.ycbt import ycbt_ring
from devices.ycbt_talk import YcbtTalk
from tests.band_talks import converse

NOW = round(datetime(2026, 3, 5, 2, 7, 30, tzinfo=UTC).timestamp() * 1000)
WORN = NOW - 3 * 3_600_000
TERMS = TalkTerms(480, NOW - 24 * 3_600_000, live=False)
KINDS = {
    "colmi": (ColmiTalk, colmi_ring),
    "veepoo": (VeepooTalk, veepoo_band),
    "ycbt": (YcbtTalk, ycbt_ring),
}


def told(kind, lost):
    talk_of, band_of = KINDS[kind]
    talk = talk_of(TERMS)
    band = band_of(
        "c0:00:00:00:00:01",
        lambda at: 50 + at // 60_000 % 90,
        steps=lambda at: at // 700,
        worn_since_utc_ms=WORN,
    )
    heard, _ = converse(talk, band.link, NOW, seconds=90, lost=lost)
    return talk, sorted(v for _, v in heard if v.device_ts_ms is not None)


@cache
def whole(kind):
    return told(kind, lambda data: False)[1]


def is_noticed(data):
    """A record of a Veepoo band that is lost whole is like one that never was."""
    return data[0] != 0xDF or data[3:4] != b"\x01"


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), share=st.sampled_from([0.01, 0.05, 0.2, 0.6]))
def test_loss_never_doubles_or_invents_and_a_whole_read_lacks_nothing(kind, seed, share):
    random = Random(seed)

    talk, values = told(kind, lambda data: is_noticed(data) and random.random() < share)

    assert len({(v.quantity, v.device_ts_ms) for v in values}) == len(values)
    assert set(values) <= set(whole(kind))
    if talk.read_through_utc_ms is not None:
        assert values == whole(kind)
    else:
        assert talk.done
