"""The live measurement's town: what its bands say is whole, and alarms are due when they are."""

from itertools import pairwise

import numpy as np
import pytest

from alerts.conditions import Sample, Sustained, episodes
from config.alert_rules import load_alert_rules
from ingest.batch.content import content_sha256, unpack
from ingest.batch.envelope import open_sealed
from ingest.batch.keys import make_keys
from ingest.batch.to_hub import HubSecrets, Recipient
from scripts.bench.live.halls import seal_backlog
from scripts.bench.live.said import HOT_S, S, Spool, due_ms, said
from scripts.bench.live.town import CEILING_BPM, CENTRE, Hall

HUB = make_keys()
BEGIN_MS = 1_767_268_800_000
SPAN_MS = load_alert_rules().hr_ceiling.min_span_s * S


@pytest.fixture
def hall():
    bands = tuple(f"live-{number}" for number in range(7))
    return Hall("hall-1", 0, bands, Recipient(HUB.public.encryption, CENTRE, "hall-1"))


def opened(hall, batch):
    """Return what the hub reads in a batch."""
    secrets = HubSecrets([HUB.encryption])
    packed = open_sealed(
        batch.payload,
        hall.keys.public.signing,
        lambda payload: secrets.decrypted(payload, CENTRE, hall.gateway),
    )
    assert content_sha256(packed) == batch.name
    return unpack(packed)


def test_every_band_speaks_once_in_every_second_wherever_the_cuts_are():
    whole = said(7, BEGIN_MS, BEGIN_MS + 60 * S)
    cuts = [BEGIN_MS, BEGIN_MS + 1, BEGIN_MS + 999, BEGIN_MS + 7_123, BEGIN_MS + 60 * S]
    parts = [said(7, begin, end) for begin, end in pairwise(cuts)]

    assert len(whole[0]) == 7 * 60
    assert np.array_equal(np.concatenate([at for at, _band in parts]), whole[0])
    assert np.array_equal(np.concatenate([band for _at, band in parts]), whole[1])
    assert (np.diff(whole[0]) >= 0).all()
    pairs = set(zip((whole[0] // S).tolist(), whole[1].tolist(), strict=True))
    assert len(pairs) == 7 * 60


@pytest.mark.parametrize("since_ms", [BEGIN_MS, BEGIN_MS + 1, BEGIN_MS + 640, BEGIN_MS + 999])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_an_alarm_is_due_with_the_reading_that_the_rule_itself_names(hall, place, since_ms):
    spool = Spool(hall)
    batch = spool.sealed(BEGIN_MS, BEGIN_MS + 2 * HOT_S * S, BEGIN_MS, {place: since_ms})
    (columns,) = opened(hall, batch).columns
    rule = Sustained(**load_alert_rules().hr_ceiling.persistence)
    heard = [
        Sample(at_ms, bpm)
        for index, at_ms, bpm in zip(
            columns.device_index, columns.at_utc_ms, columns.value, strict=True
        )
        if index == place
    ]
    (episode,) = episodes(heard, CEILING_BPM, rule)

    assert episode.raised_ms == due_ms(place, len(hall.bands), since_ms, SPAN_MS)


def test_a_history_is_a_chain_of_batches_with_every_reading_once(hall):
    batches = seal_backlog(hall, 700, 210, BEGIN_MS)
    contents = [opened(hall, batch) for batch in batches]

    assert [content.seq for content in contents] == [0, 1, 2, 3]
    assert [content.previous_sha256 for content in contents] == [
        None, *(batch.name for batch in list(batches)[:-1])
    ]  # fmt: skip
    assert sum(batch.readings for batch in batches) == 700
    heard = {
        (index, at_ms)
        for content in contents
        for index, at_ms in zip(
            content.columns[0].device_index, content.columns[0].at_utc_ms, strict=True
        )
    }
    assert len(heard) == 700
    assert max(at_ms for _index, at_ms in heard) < BEGIN_MS
