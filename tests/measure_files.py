"""How fast files come in: `python -m tests.measure_files [--readings N] [--json]`.

Each format holds the same pulse at 1 Hz, made here. `read` is the format's reader alone, in this
process; `taken` the whole way of a running gateway: a process for the reader, the journal, and the
spool with its fsync. FIT is also read from the recorded files, where they are.
"""

import argparse
import asyncio
import io
import json
import sqlite3
import tempfile
import time
import zipfile
from pathlib import Path

from ingest.batch.reading import Reading
from ingest.gateway.files.found import Asked
from ingest.gateway.files.journal import JOURNAL_FILE, open_journal
from ingest.gateway.files.reader import kind_of, read
from ingest.gateway.files.taking import Progress, take
from ingest.gateway.spool import Spool
from tests.fit_files import workout
from tests.recordings import RECORDED

BAND = "C0:FF:EE:00:00:01"
T0_S = 1_767_268_800
ALL_TIMES = ((0, 2**53),)


def iso(second, form="%Y-%m-%dT%H:%M:%SZ", ahead_s=0):
    return time.strftime(form, time.gmtime(T0_S + second + ahead_s))


def bpm(second):
    return 60 + second * 7 % 90


def gpx(seconds):
    points = "".join(
        f'<trkpt lat="31.2" lon="121.5"><ele>4</ele><time>{iso(s)}</time><extensions>'
        f"<x:TrackPointExtension><x:hr>{bpm(s)}</x:hr></x:TrackPointExtension></extensions></trkpt>"
        for s in seconds
    )
    return f'<gpx xmlns:x="x"><trk><trkseg>{points}</trkseg></trk></gpx>'.encode()


def tcx(seconds):
    points = "".join(
        f"<Trackpoint><Time>{iso(s)}</Time><DistanceMeters>{s}</DistanceMeters><HeartRateBpm>"
        f"<Value>{bpm(s)}</Value></HeartRateBpm></Trackpoint>"
        for s in seconds
    )
    return f"<TrainingCenterDatabase><Track>{points}</Track></TrainingCenterDatabase>".encode()


def apple_health(seconds):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        records = "\n".join(
            ' <Record type="HKQuantityTypeIdentifierHeartRate" sourceName="A Watch" '
            'sourceVersion="10.1" device="&lt;&lt;HKDevice: 0x28&gt;, name:Apple Watch, '
            'manufacturer:Apple Inc., model:Watch, hardware:Watch6,1&gt;" unit="count/min" '
            f'creationDate="{at}" startDate="{at}" endDate="{at}" value="{bpm(s)}"/>'
            for s in seconds
            for at in [iso(s, "%Y-%m-%d %H:%M:%S +0800", 8 * 3600)]
        )
        file.writestr("apple_health_export/export.xml", f"<HealthData>{records}</HealthData>")
    return packed.getvalue()


def gadgetbridge(seconds):
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder, "db"))
        with db:
            db.execute("CREATE TABLE DEVICE (_id INTEGER, IDENTIFIER TEXT)")
            db.execute("INSERT INTO DEVICE VALUES (1, ?)", (BAND,))
            db.execute(
                "CREATE TABLE MI_BAND_ACTIVITY_SAMPLE "
                "(TIMESTAMP INTEGER, DEVICE_ID INTEGER, STEPS INTEGER, HEART_RATE INTEGER)"
            )
            db.executemany(
                "INSERT INTO MI_BAND_ACTIVITY_SAMPLE VALUES (?, 1, -1, ?)",
                ((T0_S + s, bpm(s)) for s in seconds),
            )
        db.close()
        return Path(folder, "db").read_bytes()


def csv(seconds):
    return ("time,heart_rate_bpm\n" + "".join(f"{iso(s)},{bpm(s)}\n" for s in seconds)).encode()


def fit(seconds):
    return workout(T0_S * 1000, list(map(bpm, seconds)))


def read_s(path):
    """Return (readings, seconds) of the reader alone."""
    start = time.perf_counter()
    count = sum(isinstance(found, Reading) for found in read(path, Asked(BAND)))
    return count, time.perf_counter() - start


async def taken_s(path, folder):
    """Return (readings, seconds) of the whole way into a spool."""
    spool = Spool(folder / "spool.sqlite", bytes(32), quota_pages=1_000_000)
    journal = open_journal(folder / JOURNAL_FILE)

    async def put(heard):
        await asyncio.to_thread(
            spool.append, heard.readings, lane=heard.lane, cursor=heard.cursor, bad=heard.bad
        )

    try:
        start = time.perf_counter()
        account = await take(path, Asked(BAND), Progress("", ALL_TIMES), journal, put)
        return sum(account.taken.values()), time.perf_counter() - start
    finally:
        journal.close()
        spool.close()


def measured(path):
    with tempfile.TemporaryDirectory() as folder:
        count, alone_s = read_s(path)
        taken, whole_s = asyncio.run(taken_s(path, Path(folder)))
    if count != taken:
        raise AssertionError(f"{count} readings read, {taken} taken")
    return {
        "format": kind_of(path),
        "readings": count,
        "file_mb": round(path.stat().st_size / 1e6, 2),
        "read_per_s": round(count / alone_s),
        "taken_per_s": round(count / whole_s),
    }


def main():
    """Print readings a second by format."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--readings", type=int, default=50_000)
    options.add_argument("--json", action="store_true")
    asked = options.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for make in (fit, tcx, gpx, apple_health, gadgetbridge, csv):
            path = Path(folder, make.__name__)
            path.write_bytes(make(range(asked.readings)))
            results.append(measured(path))
        recorded = sorted((RECORDED / "fit_raw").glob("*.fit"), key=lambda p: p.stat().st_size)
        results += [measured(path) | {"file": path.name} for path in recorded[-1:]]
    if asked.json:
        print(json.dumps(results))  # noqa: T201 - its output
        return
    for one in results:
        print(  # noqa: T201 - its output
            f"{one['format']:17} {one['readings']:>8,} readings, {one['file_mb']:>6} MB: "
            f"{one['read_per_s']:>9,} read a second, {one['taken_per_s']:>8,} taken a second"
            f"  {one.get('file', '')}"
        )


if __name__ == "__main__":
    main()
