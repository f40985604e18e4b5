"""The hub's key files: the one in use, and former ones that boxes may still write to.

The signing key stays for good, for every gateway trusts it. The encryption key may be changed; the
former one is kept beside, so that batches on their way, and those kept as evidence, can be read.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from config.errors import Misconfigured
from config.language import _
from ingest.batch.keys import Keys, key_id, load_keys, save_keys
from ingest.hub import HUB_KEY_FILE

FORMER = f"{HUB_KEY_FILE}.former-"


def load_hub_keys(data_dir: Path) -> tuple[Keys, Sequence[X25519PrivateKey]]:
    """Return the hub's keys, and all encryption keys it reads with, the one in use first.

    Raises Misconfigured: no key, or a key file that is none or open to others.
    """
    path = data_dir / HUB_KEY_FILE
    if not path.exists():
        raise Misconfigured(
            _("there is no hub key at %(path)s: make one with `adhere hub init`") % {"path": path}
        )
    keys = load_keys(path)
    former = [load_keys(file).encryption for file in sorted(data_dir.glob(f"{FORMER}*"))]
    return keys, (keys.encryption, *former)


def change_encryption_key(data_dir: Path) -> Keys:
    """Make a new encryption key beside the signing key that stays; keep the former one.

    Boxes go on writing to the former key until they have taken an answer made from now on.
    """
    keys, _read_with = load_hub_keys(data_dir)
    path = data_dir / HUB_KEY_FILE
    former = path.with_name(FORMER + key_id(keys.encryption.public_key()).hex())
    fresh = path.with_name(f"{HUB_KEY_FILE}.new")
    changed = Keys(keys.signing, X25519PrivateKey.generate())
    try:
        fresh.unlink(missing_ok=True)
        save_keys(fresh, changed)
        if not former.exists():
            os.link(path, former)
        fresh.replace(path)
        folder = os.open(data_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be written: %(fault)s") % {"path": path, "fault": error.strerror}
        ) from error
    return changed
