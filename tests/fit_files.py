"""FIT files for tests, written from the public description of the protocol; nothing of a library.

A file is a header, definitions and data messages, and a CRC. Little-endian unless said otherwise.
"""

import struct

FIT_EPOCH_S = 631_065_600
UINT8, UINT16, UINT32, ENUM, BYTE = 0x02, 0x84, 0x86, 0x00, 0x0D
FORMATS = {UINT8: "B", UINT16: "H", UINT32: "I", ENUM: "B", BYTE: "B"}
RECORD, DEVICE_INFO, MONITORING, HRV, MONITORING_INFO, HR, FIELD_DESCRIPTION, DEVELOPER = (
    20, 23, 55, 78, 103, 132, 206, 207,
)  # fmt: skip
TIMESTAMP = (253, UINT32)
_NIBBLES = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc_of(data):
    """The protocol's CRC-16, by half bytes."""
    crc = 0
    for byte in data:
        for nibble in (byte & 0xF, byte >> 4):
            crc = (crc >> 4) ^ _NIBBLES[crc & 0xF] ^ _NIBBLES[nibble]
    return crc


def stamp(utc_ms):
    return utc_ms // 1000 - FIT_EPOCH_S


class FitFile:
    """Grows message by message; `bytes()` closes it."""

    def __init__(self, *, big_endian=False):
        self.body = bytearray()
        self.order = ">" if big_endian else "<"
        self.fields = {}

    def define(self, local, number, *fields, developer=()):
        """`fields` are (number, base type) or (number, base type, how many)."""
        fields = [(*field, 1)[:3] for field in fields]
        self.fields[local] = fields, developer
        self.body += bytes([0x40 | local | (0x20 if developer else 0), 0])
        self.body += bytes([self.order == ">"]) + struct.pack(
            f"{self.order}HB", number, len(fields)
        )
        for field, base, count in fields:
            self.body += bytes([field, struct.calcsize(FORMATS[base]) * count, base])
        if developer:
            self.body += bytes([len(developer)])
            for field, size, index in developer:
                self.body += bytes([field, size, index])
        return self

    def add(self, local, *values, developer=b"", time_offset=None):
        """A data message; `time_offset` makes its header a compressed one."""
        header = local if time_offset is None else 0x80 | local << 5 | time_offset & 0x1F
        self.body.append(header)
        for (_, base, count), value in zip(self.fields[local][0], values, strict=True):
            many = value if count > 1 else (value,)
            self.body += struct.pack(f"{self.order}{count}{FORMATS[base]}", *many)
        self.body += developer
        return self

    def __bytes__(self):
        header = struct.pack("<BBHI4s", 14, 0x20, 2132, len(self.body), b".FIT")
        data = header + struct.pack("<H", crc_of(header)) + self.body
        return data + struct.pack("<H", crc_of(data))


def workout(first_utc_ms, bpm):
    """A file of one record a second; None stands for a record without a pulse."""
    file = FitFile().define(0, RECORD, TIMESTAMP, (3, UINT8))
    for second, value in enumerate(bpm):
        file.add(0, stamp(first_utc_ms) + second, 0xFF if value is None else value)
    return bytes(file)
