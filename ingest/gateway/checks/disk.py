"""The disk: room for two weeks without a network, and does it keep what it was given."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from config.language import _
from ingest.gateway.checks.finding import Finding

MOUNTS = Path("/proc/self/mountinfo")
DEVICES = Path("/sys/dev/block")

FORGETFUL = frozenset({"tmpfs", "ramfs", "overlay", "squashfs"})
"""Gone with the power, or with the container."""
UNFIT = frozenset({"vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "nfs", "nfs4", "cifs"})
"""No journal, no rights, or locks that do not hold over a network."""
CARELESS = frozenset({"nobarrier", "barrier=0", "data=writeback"})
"""Options by which a commit may be lost, or torn, when the power goes."""
MIB = 2**20
BYTES_A_READING = 4.0
"""On disk, pages and reserve included, as promised; `adhere bench outage` prints what is needed."""
DAYS = 14
SECONDS_A_DAY = 86_400
WORN_WARN, WORN_BAD = 8, 11
"""Of an eMMC's `life_time`: tenths of its life used, from 1; 11 is beyond it (JESD84-B51)."""


class Mount(NamedTuple):
    """What a folder stands on."""

    point: str
    kind: str
    options: frozenset[str]


def disk_findings(
    folder: Path, *, quota_bytes: int, spool_bytes: int, bands: int, mounts: Path = MOUNTS
) -> Iterator[Finding]:
    """Yield what is to be said of the disk below a folder. Raises OSError where it is not there."""
    yield _room(folder, quota_bytes, spool_bytes)
    if bands:
        yield _days(quota_bytes, bands)
    yield from _kind(mount_of(folder, mounts.read_text("utf-8", "surrogateescape")))
    yield from wear_findings(DEVICES, folder.stat().st_dev)


def _room(folder: Path, quota_bytes: int, spool_bytes: int) -> Finding:
    about = os.statvfs(folder)
    free = about.f_bavail * about.f_frsize
    wanted = max(0, quota_bytes - spool_bytes)
    said = {"free_mb": free // MIB, "wanted_mb": -(-wanted // MIB)}
    if free < wanted:
        return Finding(
            "disk",
            "bad",
            _("%(free_mb)d MiB free, and the spool may grow by %(wanted_mb)d MiB") % said,
            _("make room, or write a smaller spool.quota_mb: a disk that is full loses readings"),
        )
    return Finding("disk", "ok", _("%(free_mb)d MiB free, %(wanted_mb)d needed") % said)


def _days(quota_bytes: int, bands: int) -> Finding:
    days = quota_bytes / (bands * SECONDS_A_DAY * BYTES_A_READING)
    said = {"days": int(days), "bands": bands}
    if days < DAYS:
        return Finding(
            "disk",
            "warn",
            _("without a network the spool holds about %(days)d days of %(bands)d bands") % said,
            _("write a larger spool.quota_mb: two weeks are wanted"),
        )
    return Finding(
        "disk", "ok", _("room for more than two weeks of %(bands)d bands without a network") % said
    )


def _kind(mount: Mount | None) -> Iterator[Finding]:
    if mount is None:
        return
    said = {"kind": mount.kind, "point": mount.point}
    if mount.kind in FORGETFUL:
        yield Finding(
            "disk",
            "bad",
            _("%(kind)s at %(point)s forgets everything when the power goes") % said,
            _("put data_dir on a disk: ext4, for one"),
        )
    elif mount.kind in UNFIT:
        yield Finding(
            "disk",
            "bad",
            _("%(kind)s at %(point)s does not keep its word when the power goes") % said,
            _("put data_dir on a disk: ext4, for one"),
        )
    elif "ro" in mount.options:
        yield Finding(
            "disk",
            "bad",
            _("%(point)s is mounted for reading alone") % said,
            _("look why (dmesg): a disk that fails is often mounted so"),
        )
    elif careless := sorted(mount.options & CARELESS):
        yield Finding(
            "disk",
            "warn",
            _("%(point)s is mounted with %(options)s")
            % {"point": mount.point, "options": ",".join(careless)},
            _("take that out of /etc/fstab: a power cut could tear the spool"),
        )


def mount_of(folder: Path, mountinfo: str) -> Mount | None:
    """Return what a folder is mounted from; `mountinfo` is as in proc(5)."""
    path, found = str(folder.resolve()), None
    for line in mountinfo.splitlines():
        before, _separator, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if len(fields) < 6 or len(rest) < 3:  # noqa: PLR2004 - the fields that proc(5) promises
            continue
        point = fields[4].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and (found is None or len(point) >= len(found.point)):
            options = frozenset(fields[5].split(",")) | frozenset(rest[2].split(","))
            found = Mount(point, rest[0], options)
    return found


def wear_findings(devices: Path, device: int) -> Iterator[Finding]:
    """Yield how worn a memory card is, where it says so; most say nothing."""
    place = devices / f"{os.major(device)}:{os.minor(device)}"
    if not place.exists():
        return
    here = place.resolve()
    for folder in (here, here.parent):  # a partition stands below its disk
        try:
            tenths = (folder / "device/life_time").read_text("ascii").split()
            used = max(int(part, 16) for part in tenths)
        except (OSError, ValueError):
            continue
        if used >= WORN_WARN:
            yield Finding(
                "disk",
                "bad" if used >= WORN_BAD else "warn",
                _("the memory card has used %(percent)d %% of its life")
                % {"percent": min(100, 10 * used)},
                _("replace it soon, in good order: drain the spool, then enroll the new one"),
            )
        else:
            yield Finding("disk", "ok", _("the memory card is not worn"))
        return
