"""A small file that is whole or as before, whatever happens while it is written."""

import os
import secrets
from pathlib import Path


def keep(path: Path, data: bytes) -> None:
    """Put `data` on disk under that name, for its owner alone; raises OSError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as to:
            to.write(data)
            to.flush()
            os.fsync(to.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
