"""Ways to write the same readings as one message: `python -m tests.measure_encodings`.

Heart rate at 1 Hz as `tests.measure_bytes` makes it, 40 bands in turn, each heard at a moment of
its own and up to 40 ms late. Each way says all of a reading: band, time to the millisecond, value,
span, flags. Printed, as rows of a table in Markdown: bytes a reading, and how many readings a
second of processor time become columns of NumPy. The signature, which all would need, is left out.
"""

import io
import json
import random
import time

import cbor2
import numpy as np
import polars as pl
import zstandard

from ingest.batch.columns import chunk_of
from ingest.batch.content import pack, unpack_head
from ingest.batch.reading import Quantity, Reading
from ingest.hub.columns import reading_columns
from tests.measure_bytes import content_of, heard

SIZES = (60, 600, 6_000)
BANDS = 40
LEAST_S = 0.3
FIELDS = ("device", "at_utc_ms", "value", "span_ms", "flags")
ZSTD, UNZSTD = zstandard.ZstdCompressor(3), zstandard.ZstdDecompressor()


def said(count):
    """Return readings with moments of their own, in the order they were heard."""
    late = random.Random(2)
    made = [
        Reading(
            one.device_key,
            Quantity.HEART_RATE_BPM,
            one.value,
            one.at_utc_ms + 24 * (number % BANDS) + late.randrange(40),
            0,
            8,
        )
        for number, one in enumerate(heard(count, BANDS))
    ]
    return sorted(made, key=lambda one: one.at_utc_ms)


def columns_of(readings):
    """Return plain lists by field; bands by their place in the first list."""
    keys = sorted({one.device_key for one in readings})
    place = {key: number for number, key in enumerate(keys)}
    return keys, {
        "device": [place[one.device_key] for one in readings],
        "at_utc_ms": [one.at_utc_ms for one in readings],
        "value": [one.value for one in readings],
        "span_ms": [one.span_ms for one in readings],
        "flags": [one.flags for one in readings],
    }


def rows_of(readings):
    return [
        {
            "device": one.device_key,
            "at_utc_ms": one.at_utc_ms,
            "value": one.value,
            "span_ms": one.span_ms,
            "flags": one.flags,
        }
        for one in readings
    ]


def frame_of(readings):
    keys, columns = columns_of(readings)
    return pl.DataFrame(
        columns,
        schema={
            "device": pl.UInt16,
            "at_utc_ms": pl.Int64,
            "value": pl.Float64,
            "span_ms": pl.UInt32,
            "flags": pl.UInt8,
        },
    ).with_columns(device=pl.Series(keys, dtype=pl.String).gather(pl.Series(columns["device"])))


def ipc(frame):
    file = io.BytesIO()
    frame.write_ipc_stream(file)
    return file.getvalue()


def from_rows(rows):
    return [np.array([row[field] for row in rows]) for field in FIELDS]


def from_lists(columns):
    return [np.array(columns[field]) for field in FIELDS]


def from_frame(data):
    frame = pl.read_ipc_stream(io.BytesIO(data))
    return [frame["at_utc_ms"].to_numpy(), frame["value"].to_numpy(), frame["device"]]


def from_ours(data):
    """As the hub reads it: every type, length and range checked on the way."""
    content, groups = unpack_head(data)
    return reading_columns(groups, len(content.devices))


WAYS = {
    "JSON, a row each": (
        lambda readings: json.dumps(rows_of(readings), separators=(",", ":")).encode(),
        lambda data: from_rows(json.loads(data)),
    ),
    "JSON, columns": (
        lambda readings: json.dumps(columns_of(readings), separators=(",", ":")).encode(),
        lambda data: from_lists(json.loads(data)[1]),
    ),
    "CBOR, columns of plain lists": (
        lambda readings: cbor2.dumps(columns_of(readings)),
        lambda data: from_lists(cbor2.loads(data)[1]),
    ),
    "Arrow IPC": (lambda readings: ipc(frame_of(readings)), from_frame),
    "**CBOR, typed arrays, steps between times (ours)**": (
        lambda readings: pack(content_of(chunk_of(readings), readings[-1].at_utc_ms)),
        from_ours,
    ),
}


def per_processor_s(call, data, count):
    """Return readings in a second of processor time."""
    rounds, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < LEAST_S:
        call(data)
        rounds += 1
    return count * rounds / spent


def measured(encode, decode, squeeze, unsqueeze):
    """Return bytes a reading and readings a second, by the readings in a message."""
    for count in SIZES:
        data = squeeze(encode(said(count)))
        speed = per_processor_s(lambda message: decode(unsqueeze(message)), data, count)
        yield f"{len(data) / count:.1f}", f"{speed / 1e6:.1f}"


def main():
    print("| way | " + " | ".join(f"{n:,}" for n in SIZES) + " | decoded, M/s |")  # noqa: T201 - its output
    print("|---|" + "---|" * (len(SIZES) + 1))  # noqa: T201 - its output
    for name, (encode, decode) in WAYS.items():
        for suffix, squeeze, unsqueeze in (
            ("", bytes, bytes),
            (" + zstd", ZSTD.compress, UNZSTD.decompress),
        ):
            sizes, speeds = zip(*measured(encode, decode, squeeze, unsqueeze), strict=True)
            print(f"| {name}{suffix} | {' | '.join(sizes)} | {' / '.join(speeds)} |")  # noqa: T201 - its output


if __name__ == "__main__":
    main()
