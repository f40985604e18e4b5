"""How large a sealed batch is, for each reading: `python -m tests.measure_bytes`.

Heart rate at 1 Hz, times to the second, a seeded pulse that wanders by a beat or two. The wire's
cost depends on the readings in a batch and on the bands among them, not on the machine. What
encrypting it to the hub adds, in bytes and in processor time on both ends, stands below.
"""

import random
import time
from functools import partial

from ingest.batch.columns import chunk_of
from ingest.batch.content import Content, pack
from ingest.batch.envelope import open_sealed, seal
from ingest.batch.keys import make_keys
from ingest.batch.limits import SCHEMA_VERSION
from ingest.batch.reading import Quantity, Reading
from ingest.batch.to_hub import HubSecrets, Recipient

T0_MS = 1_700_006_400_000


def heard(readings, bands):
    """Return that many readings of bands heard in turn, each once a second."""
    wander = random.Random(1)
    pulse = [60.0 + band for band in range(bands)]
    made = []
    for number in range(readings):
        second, band = divmod(number, bands)
        pulse[band] = min(180.0, max(50.0, pulse[band] + wander.choice((-2, -1, 0, 0, 0, 1, 2))))
        key = f"C0:FF:EE:00:00:{band:02X}"
        at = T0_MS + second * 1000
        made.append(Reading(key, Quantity.HEART_RATE_BPM, pulse[band], at))
    return made


def packed(readings, bands):
    """Return the content of a batch."""
    return pack(content_of(chunk_of(heard(readings, bands)), T0_MS + readings * 1000))


def content_of(chunk, sealed_utc_ms):
    """Return what a batch with these readings says."""
    return Content(
        schema=SCHEMA_VERSION,
        centre="centre",
        gateway="gateway",
        boot=bytes(range(16)),
        seq=1,
        previous_sha256=bytes(range(32)),
        sealed_utc_ms=sealed_utc_ms,
        sealed_mono_ms=sealed_utc_ms - T0_MS,
        devices=chunk.devices,
        columns=chunk.columns,
    )


def sealed_bytes(readings, bands):
    """Return the length of the signed message."""
    keys = make_keys()
    return len(seal(packed(readings, bands), keys.signing, keys.kid))


def encrypted(readings, bands, rounds=300):
    """Return the bytes that encryption adds, and its processor time sealing and opening (ms)."""
    box, hub = make_keys(), make_keys()
    content = packed(readings, bands)
    to = Recipient(hub.public.encryption, "centre", "gateway")
    reads = HubSecrets([hub.encryption])
    decrypt = partial(reads.decrypted, centre="centre", gateway="gateway")
    plain = seal(content, box.signing, box.kid)
    secret = seal(content, box.signing, box.kid, readable_by=to)

    def processor_ms(call):
        begin = time.process_time()
        for _ in range(rounds):
            call()
        return (time.process_time() - begin) / rounds * 1000

    sealing = processor_ms(lambda: seal(content, box.signing, box.kid, readable_by=to))
    sealing -= processor_ms(lambda: seal(content, box.signing, box.kid))
    opening = processor_ms(lambda: open_sealed(secret, box.public.signing, decrypt))
    opening -= processor_ms(lambda: open_sealed(plain, box.public.signing))
    return len(secret) - len(plain), sealing, opening


def main():
    """Print bytes per reading by readings in a batch and bands."""
    for readings in (60, 600, 6_000):
        sizes = (f"{sealed_bytes(readings, bands) / readings:.1f} B" for bands in (1, 40))
        print(f"{readings:>5} readings, one band / 40 bands: {' / '.join(sizes)}")  # noqa: T201 - its output
    for readings in (160, 600, 24_000):
        more, sealing, opening = encrypted(readings, 40)
        print(  # noqa: T201 - its output
            f"{readings:>5} readings, encrypted to the hub: {more} B more, "
            f"{sealing:.2f} ms to seal, {opening:.2f} ms to open"
        )


if __name__ == "__main__":
    main()
