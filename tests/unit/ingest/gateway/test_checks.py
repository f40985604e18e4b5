import os

import pytest

from ingest.batch.columns import chunk_of
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from ingest.batch.revocation import Revocation, seal_revocation
from ingest.batch.roster import Roster, RosterBand, seal_roster
from ingest.gateway.checks.clock import clock_findings
from ingest.gateway.checks.disk import disk_findings, mount_of, wear_findings
from ingest.gateway.checks.finding import Finding, worst
from ingest.gateway.checks.identity import Identity, identity_findings, roster_findings
from ingest.gateway.checks.permissions import permission_findings
from ingest.gateway.checks.scanners import away_findings
from ingest.gateway.checks.spool import aside_findings, resting_findings, running_findings
from ingest.gateway.spool import Spool
from ingest.gateway.spool_chunks import MAX_BAD_INPUT_KEPT

DAY_MS = 86_400_000
NOON_UTC_MS = 1_767_268_800_000
MIB = 2**20
KEYS, HUB = make_keys(), make_keys()
IDENTITY = Identity(KEYS, HUB.public.signing)


def states(findings):
    return [finding.state for finding in findings]


def test_the_worst_finding_speaks_for_all():
    assert worst([]) == "ok"
    assert worst([Finding("a", "ok", ""), Finding("b", "warn", "")]) == "warn"
    assert worst([Finding("b", "bad", ""), Finding("a", "warn", "")]) == "bad"


@pytest.mark.parametrize(
    ("synchronised", "ahead_ms", "state", "word"),
    [
        (True, None, "ok", "kept right"),
        (True, 40, "ok", "40 ms"),
        (True, -5_000, "ok", "5000 ms"),
        (True, 5_001, "warn", "5 s away"),
        (True, -120_001, "bad", "120 s away"),
        (False, 40, "warn", "no time service"),
        (False, 200_000, "bad", "200 s away"),
    ],
)
def test_a_clock_is_judged_by_the_hubs_and_by_who_keeps_it(synchronised, ahead_ms, state, word):
    (found,) = clock_findings(
        is_synchronised=synchronised, hub_ahead_ms=ahead_ms, has_battery_clock=True
    )

    assert found.state == state
    assert word in found.says
    assert bool(found.do) == (state != "ok")


def test_a_box_without_a_battery_clock_is_told_what_that_means():
    (found,) = clock_findings(is_synchronised=False, hub_ahead_ms=None, has_battery_clock=False)

    assert "every power cut" in found.says


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,discard
30 22 0:25 / /run rw,nosuid - tmpfs tmpfs rw,size=1k
31 22 8:1 / /var/lib/my\\040box rw - vfat /dev/sda1 rw
32 22 8:2 / /data ro,relatime - ext4 /dev/sda2 rw
33 22 8:3 / /swift rw,relatime - ext4 /dev/sda3 rw,nobarrier,data=writeback
not a line of it
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib/adhere-gateway", "ext4"),
        ("/run/adhere", "tmpfs"),
        ("/runner", "ext4"),
        ("/var/lib/my box/spool", "vfat"),
        ("/data", "ext4"),
    ],
)
def test_a_folder_stands_on_the_nearest_mount_above_it(folder, kind, tmp_path):
    class Folder:
        def resolve(self):
            return folder

    assert mount_of(Folder(), MOUNTS).kind == kind
    assert mount_of(tmp_path, "") is None


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ("ext4 /dev/x rw", []),
        ("btrfs /dev/x rw", []),
        ("tmpfs tmpfs rw", ["bad"]),
        ("overlay overlay rw", ["bad"]),
        ("vfat /dev/x rw", ["bad"]),
        ("nfs4 host:/x rw", ["bad"]),
        ("ext4 /dev/x ro", ["bad"]),
        ("ext4 /dev/x rw,barrier=0", ["warn"]),
    ],
)
def test_a_file_system_that_does_not_keep_its_word_is_named(options, state, tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 1 0:1 / / rw - {options}\n")

    found = disk_findings(tmp_path, quota_bytes=MIB, spool_bytes=0, bands=0, mounts=mounts)

    assert states(found)[1 : 1 + len(state)] == state


def test_a_quota_that_the_disk_has_no_room_for_is_bad(tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("")
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize

    def room(quota, spool):
        return next(
            iter(
                disk_findings(
                    tmp_path, quota_bytes=quota, spool_bytes=spool, bands=0, mounts=mounts
                )
            )
        ).state

    assert room(4 * free, 0) == "bad"
    assert room(4 * free, 4 * free) == "ok", "what the spool has already needs no more room"
    assert room(MIB, 0) == "ok"


@pytest.mark.parametrize(("bands", "state"), [(40, "ok"), (400, "warn")])
def test_two_weeks_without_a_network_are_wanted(bands, state, tmp_path):
    mounts = tmp_path / "mountinfo"
    mounts.write_text("")

    found = list(
        disk_findings(tmp_path, quota_bytes=1024 * MIB, spool_bytes=0, bands=bands, mounts=mounts)
    )

    assert found[1].state == state


@pytest.mark.parametrize(
    ("said", "expected"),
    [("0x01 0x02", ["ok"]), ("0x08 0x01", ["warn"]), ("0x03 0x0b", ["bad"]), ("?", []), (None, [])],
)
def test_a_memory_card_that_says_how_worn_it_is_is_heard(said, expected, tmp_path):
    disk = tmp_path / "block/mmcblk0"
    (disk / "mmcblk0p2").mkdir(parents=True)
    (disk / "device").mkdir()
    if said is not None:
        (disk / "device/life_time").write_text(said)
    devices = tmp_path / "dev"
    devices.mkdir()
    (devices / "179:2").symlink_to(disk / "mmcblk0p2")

    assert states(wear_findings(devices, os.makedev(179, 2))) == expected
    assert states(wear_findings(devices, os.makedev(8, 1))) == []


@pytest.fixture
def box(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    for name in ("gateway.key", "spool.sqlite", "roster.cose"):
        (folder / name).touch(mode=0o600)
    settings = tmp_path / "gateway.toml"
    settings.touch(mode=0o644)
    return folder, settings


def asked(box, *keys, user_id=None):
    folder, settings = box
    user_id = folder.stat().st_uid if user_id is None else user_id
    return list(permission_findings(folder, settings, keys, user_id=user_id))


def test_a_box_whose_files_are_its_own_is_well(box):
    assert states(asked(box)) == ["ok"]


@pytest.mark.parametrize("name", ["gateway.key", "spool.sqlite", "roster.cose"])
def test_a_secret_that_others_may_read_is_named_with_what_to_do(box, name):
    (box[0] / name).chmod(0o640)

    (found,) = asked(box)

    assert found.state == "bad"
    assert found.do == f"chmod 600 {box[0] / name}"


def test_a_folder_or_settings_open_to_others_are_named(box):
    box[0].chmod(0o755)
    box[1].chmod(0o666)

    assert [found.do.split()[0] for found in asked(box)] == ["chmod", "chmod"]


def test_another_account_is_told_which_one_it_must_be(box):
    (found,) = asked(box, user_id=box[0].stat().st_uid + 4242)

    assert found.state == "bad"
    assert "sudo -u" in found.do


def test_the_key_of_a_certificate_must_be_there_and_closed(box, tmp_path):
    key = tmp_path / "client.key"
    assert states(asked(box, key)) == ["bad"]
    key.touch(mode=0o644)
    key.chmod(0o644)
    assert states(asked(box, key)) == ["bad"]
    key.chmod(0o640)
    assert states(asked(box, key)) == ["ok"]


class Settings:
    centre, gateway = "centre", "hall-1"

    def __init__(self, folder):
        self.data_dir = folder


def test_a_revoked_box_says_that_its_readings_are_safe_and_what_to_do(tmp_path):
    notice = Revocation("centre", "hall-1", (KEYS.kid,), 1)
    (tmp_path / "revoked.cose").write_bytes(seal_revocation(notice, HUB.signing))

    (found,) = identity_findings(Settings(tmp_path), IDENTITY)

    assert found.state == "bad"
    assert "stay in the spool" in found.says
    assert "--new-keys" in found.do


def test_an_enrolled_box_shows_its_fingerprint_and_a_change_under_way(tmp_path):
    assert states(identity_findings(Settings(tmp_path), IDENTITY)) == ["ok"]
    (tmp_path / "gateway.key.next").touch()

    first, second = identity_findings(Settings(tmp_path), IDENTITY)

    assert KEYS.public.fingerprint in first.says
    assert second.state == "warn"


BAND = RosterBand("AA:BB:CC:DD:EE:01", "hrs", "p-1", 0, None, 150.0, None, None)


@pytest.mark.parametrize(
    ("age_ms", "lasts_ms", "bands", "state"),
    [
        (0, DAY_MS, (BAND,), "ok"),
        (3 * DAY_MS + 1, DAY_MS, (BAND,), "warn"),
        (DAY_MS, 0, (BAND,), "bad"),
        (0, DAY_MS, (), "warn"),
    ],
)
def test_a_roster_is_judged_by_its_age_its_end_and_its_bands(
    age_ms, lasts_ms, bands, state, tmp_path
):
    roster = Roster("centre", "hall-1", 7, NOON_UTC_MS - age_ms, NOON_UTC_MS + lasts_ms, bands)
    (tmp_path / "roster.cose").write_bytes(
        seal_roster(roster, HUB.signing, [KEYS.public.encryption])
    )

    (found,) = roster_findings(tmp_path, IDENTITY, now_utc_ms=NOON_UTC_MS)

    assert found.state == state
    assert "number 7" in found.says
    assert "p-1" not in found.says


def test_no_roster_and_a_damaged_one_are_bad(tmp_path):
    assert states(roster_findings(tmp_path, IDENTITY, now_utc_ms=0)) == ["bad"]
    (tmp_path / "roster.cose").write_bytes(b"what the disk made of it")
    assert states(roster_findings(tmp_path, IDENTITY, now_utc_ms=0)) == ["bad"]


def a_spool(folder):
    path = folder / "spool.sqlite"
    with Spool(path, KEYS.spool_tag_key(), quota_pages=2_000) as spool:
        for n in range(3):
            at_utc_ms = NOON_UTC_MS + 1000 * n
            reading = Reading("band", Quantity.HEART_RATE_BPM, 80.0, at_utc_ms)
            spool.append(chunk_of([reading]), lane="live")
    return path


def test_a_spool_at_rest_is_read_and_not_written(tmp_path):
    path = a_spool(tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}

    (found,) = resting_findings(path, KEYS.spool_tag_key())

    assert found.state == "ok"
    assert "3 readings" in found.says
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_damaged_row_of_a_spool_at_rest_is_counted(tmp_path):
    path = a_spool(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"band", 3 * 4096)
    data[at] ^= 0x20
    path.write_bytes(data)

    found = list(resting_findings(path, KEYS.spool_tag_key()))

    assert states(found) == ["warn", "ok"]
    assert "1 rows" in found[0].says


def test_a_spool_that_is_none_or_not_there_is_said(tmp_path):
    path = tmp_path / "spool.sqlite"
    assert states(resting_findings(path, bytes(32))) == ["ok"]
    path.write_bytes(b"no database" * 1000)
    assert states(resting_findings(path, bytes(32))) == ["warn"]
    path.with_name("spool.sqlite-wal").write_bytes(b"left behind")
    assert states(resting_findings(path, bytes(32))) == ["ok"]


def test_of_a_running_gateway_its_own_word_is_taken():
    well = {"stored": 9, "receipted": 7, "waiting_batches": 1}
    sick = well | {"spool_full": 2, "refused_batches": 1, "damaged": 4, "bad_input": 3}

    assert states(running_findings(well)) == ["ok"]
    assert states(running_findings(sick)) == ["bad", "bad", "warn", "ok", "ok"]


def test_a_disk_that_fails_under_a_running_gateway_is_said():
    sick = {"storing": False, "disk_faults": 2}
    lost = {"radio": {"dropped_live": 3}, "scanners": {"readings_dropped": 4}}

    assert states(running_findings({"storing": True, "disk_faults": 0, "radio": {}})) == ["ok"]
    assert states(running_findings(sick)) == ["bad", "warn", "ok"]
    found = list(running_findings(lost))
    assert states(found) == ["bad", "ok"]
    assert "7 readings" in found[0].says


def test_what_is_kept_of_a_damaged_spool_is_said(tmp_path):
    path = tmp_path / "spool.sqlite"
    assert states(aside_findings(path)) == []
    path.with_name("spool.sqlite.damaged-3").write_bytes(bytes(2**20))
    path.with_name("spool.sqlite.damaged-3-wal").write_bytes(b"1")

    (found,) = aside_findings(path)

    assert found.state == "warn"
    assert "2 MiB" in found.says


@pytest.mark.parametrize(
    ("count", "state", "kept"),
    [
        (MAX_BAD_INPUT_KEPT, "ok", "the bytes are kept"),
        (MAX_BAD_INPUT_KEPT + 1, "warn", "the bytes of the first 10000 are kept"),
    ],
)
def test_no_more_bytes_are_said_to_be_kept_than_are(count, state, kept):
    found, _ = running_findings({"bad_input": count})

    assert (found.state, found.says) == (state, f"{count} things heard were no readings; {kept}")


def test_a_scanner_that_is_away_for_days_is_named_with_how_to_forget_it():
    said = {"scanners": {"away_s": {"corner\x1b[2J": 3 * 86_400 + 5, "hall": 86_399}}}

    (found,) = away_findings(said)

    assert (found.part, found.state) == ("scanners", "warn")
    assert found.says == "scanner corner[2J has been away for 3 days"
    assert "PREFIX/corner[2J/LWT" in found.do
    for nothing in ({}, {"scanners": None}, {"scanners": {"away_s": 7}}):
        assert list(away_findings(nothing)) == []
