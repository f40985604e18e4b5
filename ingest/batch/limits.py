"""What a batch may be at most, on both ends.

The sealed limit is what every broker forwards by default; the others bound the memory that one
message of an enrolled but faulty gateway can cost the hub (about 6 MiB for the largest).
"""

SCHEMA_VERSION = 1

MAX_SEALED_BYTES = 65_536
"""The signed message, as the broker sees it."""
MAX_UNPACKED_BYTES = 4 * 2**20
"""The CBOR content, after decompression."""
MAX_READINGS = 131_072
"""Readings in one batch."""
MAX_DEVICES = 4_096
"""Bands named in one batch."""
MAX_COLUMNS = 64
"""Groups of columns in one batch: a quantity, with or without the band's own stamps."""

MAX_SEQ = 2**40 - 1
"""The number of a batch: one a second takes 34,000 years to come so far, and no sum over numbers
comes to the end of what a database counts."""
MAX_UTC_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z: the last time that every end can write as a date."""
MAX_SPAN_MS = 2**32 - 1
MAX_EXACT_INTEGER = 2**53
"""Above this a float64 no longer holds every whole number."""
