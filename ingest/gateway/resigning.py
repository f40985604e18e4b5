"""Batches that were signed with keys the box has no more go out under its keys of now.

Only the signature changes. A batch is known by spool, number and content, so the hub takes it for
what it is even if it has it already; and the spool, whose tag vouches for the row, stays as it is.
"""

from ingest.batch import sign1
from ingest.batch.keys import Keys
from ingest.batch.limits import MAX_SEALED_BYTES


def resigned(message: bytes, keys: Keys) -> bytes:
    """Return the message under the signature of `keys`: itself where it has that already.

    Raises Rejected for bytes that are no signed message.
    """
    signed = sign1.parse(message, max_bytes=MAX_SEALED_BYTES)
    if signed.kid == keys.kid:
        return message
    return sign1.sign(bytes(signed.payload), typ=signed.typ, key=keys.signing, kid=keys.kid)
