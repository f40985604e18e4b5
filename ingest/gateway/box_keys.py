"""The box's keys on disk, through a change of them.

The change is complete with the district's answer in its place: it names the new signing key. What
is left to do then (the new key file in the old one's place) is done by whoever loads the keys next,
so a box that loses its power in between comes up with one pair or the other, never with neither.

    gateway.key          the keys it goes by
    gateway.key.next     made for a change that the district has not answered yet
    gateway.key.former   those before: they open the roster and the events that were written then
    spool.key            what the spool's rows are tagged with, once that is of keys long gone
"""

import contextlib
import json
import os
from dataclasses import replace
from pathlib import Path

from config.errors import Misconfigured
from config.language import _
from ingest.batch.keys import Keys, load_keys, make_keys, raw, save_keys, write_new
from ingest.gateway import ENROLMENT_FILE, KEY_FILE

NEXT_FILE = f"{KEY_FILE}.next"
FORMER_FILE = f"{KEY_FILE}.former"
SPOOL_KEY_FILE = "spool.key"
TAG_BYTES = 32


def load_box_keys(data_dir: Path) -> Keys:
    """Return the keys this box goes by, with those before them while they are kept.

    Finishes a change of keys that was cut short. Raises Misconfigured as `load_keys` does.
    """
    finish_change(data_dir)
    keys = load_keys(data_dir / KEY_FILE)
    former = data_dir / FORMER_FILE
    return replace(
        keys,
        former=load_keys(former) if former.exists() else None,
        spool_tag=_spool_tag(data_dir / SPOOL_KEY_FILE),
    )


def next_keys(data_dir: Path) -> Keys:
    """Return the keys of a change under way; make them where there are none yet."""
    path = data_dir / NEXT_FILE
    if not path.exists():
        with contextlib.suppress(FileExistsError):  # made by another hand just now
            save_keys(path, make_keys())
        give_to_owner(path)
    return load_keys(path)


def keys_answered(data_dir: Path, answer: Path) -> Keys:
    """Return those keys of this box, in force or to come, that an answer names."""
    path = data_dir / NEXT_FILE
    if path.exists():
        keys = load_keys(path)
        if raw(keys.public.signing).hex() == answered_key(answer):
            return keys
    return load_keys(data_dir / KEY_FILE)


def answered_key(answer: Path) -> str | None:
    """Return the signing key (hex) that an answer file names; its signature is not looked at."""
    try:
        said = json.loads(answer.read_bytes())
    except (OSError, ValueError):
        return None
    key = said.get("gateway_signing_key") if isinstance(said, dict) else None
    return key if isinstance(key, str) else None


def finish_change(data_dir: Path) -> bool:
    """Go by the new keys if the district has answered them; return whether there was a change."""
    upcoming = data_dir / NEXT_FILE
    if not upcoming.exists():
        return False
    new = load_keys(upcoming)
    if raw(new.public.signing).hex() != answered_key(data_dir / ENROLMENT_FILE):
        return False
    current, former = data_dir / KEY_FILE, data_dir / FORMER_FILE
    old = load_keys(current)
    if raw(old.public.signing) != raw(new.public.signing):
        tag = data_dir / SPOOL_KEY_FILE
        if not tag.exists():
            write_new(tag, old.spool_tag_key().hex().encode() + b"\n")
            give_to_owner(tag)
        part = data_dir / f".{FORMER_FILE}"
        part.unlink(missing_ok=True)
        os.link(current, part)
        part.replace(former)
    upcoming.replace(current)
    sync_folder(data_dir)
    return True


def forget_former(data_dir: Path) -> None:
    """Throw the keys before these away: nothing on this box needs them any more."""
    (data_dir / FORMER_FILE).unlink(missing_ok=True)
    sync_folder(data_dir)


def give_to_owner(path: Path) -> None:
    """Let a file belong to the owner of its folder, where root has written it for the gateway."""
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.chown(path, folder.st_uid, folder.st_gid)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _spool_tag(path: Path) -> bytes | None:
    try:
        tag = bytes.fromhex(path.read_text("ascii"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Misconfigured(
            _("The key file %(path)s cannot be read: %(fault)s.")
            % {"path": path, "fault": error.strerror},
        ) from error
    except ValueError:
        tag = b""
    if len(tag) != TAG_BYTES:
        raise Misconfigured(_("%(path)s is not a key file.") % {"path": path})
    return tag
