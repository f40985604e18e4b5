"""What a hub hands over is checked before a transaction begins."""

from dataclasses import replace

import numpy as np
import pytest

from config.errors import Rejected
from ingest.batch.limits import MAX_SEQ
from ingest.batch.reading import Quantity
from storage.incoming import SEQ_END
from storage.reading_tables import TABLE_OF
from tests.batches import a_batch, columns

GOOD = a_batch(1, 1, columns([1, 2], [60, 61]))


def test_every_quantity_has_its_table():
    assert set(TABLE_OF) == {str(quantity) for quantity in Quantity}


def test_the_last_number_of_a_batch_is_one_for_all():
    assert SEQ_END == MAX_SEQ + 1
    assert replace(GOOD, seq=MAX_SEQ).seq == MAX_SEQ


@pytest.mark.parametrize(
    "fault",
    [
        {"boot": bytes(15)},
        {"seq": -1},
        {"seq": 2**40},
        {"sealed_utc_ms": -1},
        {"sealed_utc_ms": 2**62},
        {"sealed_mono_ms": 2**63},
        {"schema_version": 2**15},
        {"lane": "side"},
        {"devices": ("",)},
        {"devices": ("A\x00",)},
        {"devices": ()},
    ],
)
def test_a_malformed_head_is_rejected(fault):
    with pytest.raises(Rejected, match="malformed"):
        replace(GOOD, **fault)


@pytest.mark.parametrize(
    "fault",
    [
        {"quantity": "mood"},
        {"value": np.zeros(3)},
        {"flags": np.zeros(1, np.uint8)},
        {"device_ts_ms": np.zeros(3, np.int64)},
    ],
)
def test_malformed_columns_are_rejected(fault):
    with pytest.raises(Rejected, match="malformed"):
        replace(GOOD.columns[0], **fault)


@pytest.mark.parametrize("index", [1, -1])
def test_an_index_beyond_the_devices_is_rejected(index):
    part = replace(GOOD.columns[0], device_index=np.array([0, index], np.int32))

    with pytest.raises(Rejected, match="device index"):
        replace(GOOD, columns=(part,))
