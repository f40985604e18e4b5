"""The envelope of a batch: its content, compressed with zstd, perhaps encrypted, and signed.

Sizes are checked before anything is parsed or allocated: the message's, then the size that the
zstd frame declares (it must declare one), so a bomb costs nothing.
"""

import threading
from collections.abc import Callable

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from config.errors import Rejected
from ingest.batch import sign1, to_hub
from ingest.batch.limits import MAX_SEALED_BYTES, MAX_UNPACKED_BYTES

TYP = "adhere-batch"
ZSTD_LEVEL = 3


def seal(
    packed: bytes,
    key: Ed25519PrivateKey,
    kid: bytes,
    *,
    readable_by: to_hub.Recipient | None = None,
) -> bytes:
    """Return `packed` (out of `content.pack`) as the message to send.

    `readable_by`: the hub alone can read it; None: whoever has the message. Raises
    Rejected("oversize") when it is more than a broker must carry: seal less at a time.
    """
    payload, typ = compressed(packed), TYP
    if readable_by is not None:
        payload, typ = readable_by.encrypted(payload), to_hub.TYP
    sealed = sign1.sign(payload, typ=typ, key=key, kid=kid)
    if len(packed) > MAX_UNPACKED_BYTES or len(sealed) > MAX_SEALED_BYTES:
        raise Rejected("oversize", f"{len(sealed)} bytes sealed, {len(packed)} unpacked")
    return sealed


def parsed(sealed: bytes) -> sign1.Message:
    """Return the message taken apart, not yet verified; raise Rejected: `oversize`, `not_cose`."""
    return sign1.parse(sealed, max_bytes=MAX_SEALED_BYTES)


def kid_of(sealed: bytes) -> bytes:
    """Return which key the message says has signed it: a hint to look the key up, no proof."""
    return parsed(sealed).kid


def open_sealed(
    sealed: bytes | sign1.Message,
    public_key: Ed25519PublicKey,
    decrypt: Callable[[memoryview], bytes] | None = None,
) -> bytes:
    """Return the packed content that exactly this key has signed; `sealed` may be taken apart.

    `decrypt` opens what was encrypted, once its signature has proved good; without it such a
    message counts as signed as something else. Raises Rejected: `oversize`, `not_cose`,
    `bad_signature`, `unpacked_oversize`, `malformed`, and whatever `decrypt` does.
    """
    message = sealed if isinstance(sealed, sign1.Message) else parsed(sealed)
    if decrypt is not None and message.typ == to_hub.TYP:
        return decompressed(decrypt(sign1.verify(message, typ=to_hub.TYP, key=public_key)))
    return decompressed(sign1.verify(message, typ=TYP, key=public_key))


def compressed(packed: bytes) -> bytes:
    """Return a zstd frame that declares how much it holds."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(packed)


def decompressed(frame: bytes | memoryview) -> bytes:
    """Return what such a frame holds; raise Rejected: `unpacked_oversize`, `malformed`."""
    try:
        # -1 where the frame does not say how much it holds: then nothing bounds it.
        declared = zstandard.frame_content_size(frame)
        if declared < 0:
            raise Rejected("malformed", "the zstd frame does not declare its size")
        if declared > MAX_UNPACKED_BYTES:
            raise Rejected("unpacked_oversize", f"more than {MAX_UNPACKED_BYTES} bytes unpacked")
        return _decompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Rejected("malformed", "zstd") from error


_OF_THREAD = threading.local()


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's: making one costs more than what it does for a batch."""
    try:
        kept: zstandard.ZstdDecompressor = _OF_THREAD.decompressor
    except AttributeError:
        kept = _OF_THREAD.decompressor = zstandard.ZstdDecompressor()
    return kept
