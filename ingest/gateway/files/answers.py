"""How the reader's process answers: each answer is its length and CBOR, of three kinds."""

import struct

LENGTH = struct.Struct(">I")
MOST_ANSWER_BYTES = 16 * 2**20
KIND, BLOCK, END = "kind", "block", "end"
"""[KIND, format], then [BLOCK, chunk or null, bad records, left out] as often as there are any,
then [END, reason or null, detail]."""
