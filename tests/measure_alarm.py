"""From a reading to a red alert in the district: `python -m tests.measure_alarm [trials bands]`.

A real mosquitto, a hub, `adhere watch` as a process of its own, and `bands` other bands at 1 Hz
all the while. In each trial a patient's pulse has been above the ceiling for 30 s when the box
seals the reading that makes it sustained. Measured until another connection sees the alert, and
until the message is in its file. Then what one look costs for many bands at once. Prints one JSON
object; milliseconds, which are the machine's.
"""

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from alerts.paging import Channels
from alerts.watch import Counters, look
from config.alert_rules import load_alert_rules
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from scripts.log import set_up_log
from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from tests.boxes import listening
from tests.district import District
from tests.hubs import CENTRE, enrolled_box, hub_at_work
from tests.mosquitto import Mosquitto, installed
from tests.postgres import new_database
from tests.watches import WatchProcess

S = 1_000
LOOK_BANDS = (50, 500, 5_000)
HOT_SHARE = 100


def now_ms():
    """Return the wall clock in ms."""
    return time.time_ns() // 1_000_000


def town(conn, count):
    """A district with so many patients under a ceiling of 140; band and patient have one name."""
    district = District(conn)
    conn.execute("UPDATE organisation SET code = %s", (CENTRE,))
    conn.execute("UPDATE staff SET email = 'doctor@east.example'")
    since = district.one("SELECT current_date - 30")
    for number in range(count):
        district.wear(
            f"p{number:04}", starts_on=since, ceiling_bpm=140.0, ceiling_source="prescribed"
        )
    return district


class Sender:
    """Seals and sends batches of one box; threads take turns."""

    def __init__(self, box, ear):
        self.box, self.ear, self.seq, self.lock = box, ear, 0, threading.Lock()

    def send(self, readings):
        """Send one live batch; return its name in receipts."""
        with self.lock:
            sealed, name = self.box.batch(self.seq, readings)
            self.seq += 1
            self.ear.send(sealed)
        return name


def pulse(device, at_ms, bpm):
    return Reading(device, Quantity.HEART_RATE_BPM, bpm, at_ms)


def crowd(sender, bands, stop):
    """Other bands, each once a second, far below any ceiling."""
    while bands and not stop.wait(1):
        sender.send([pulse(f"x{number:04}", now_ms(), 90.0) for number in range(bands)])


def trial(conn, sender, watch, patient):
    """Return ms from the reading and from its commit to the alert, and to its message."""
    patient_id = conn.execute("SELECT id FROM patient WHERE pseudonym = %s", (patient,)).fetchone()[
        0
    ]
    begins = now_ms() - 30 * S
    before = [pulse(patient, begins + second * S, 150.0) for second in range(30)]
    sender.ear.wait_for(sender.send(before))
    time.sleep(random.uniform(0, 0.1))
    told = len(watch.messages())
    at_ms = now_ms()
    sender.send([pulse(patient, max(at_ms, begins + 30 * S), 150.0)])
    while not conn.execute("SELECT 1 FROM alert WHERE patient_id = %s", (patient_id,)).fetchone():
        time.sleep(0.001)
    visible_ms = now_ms()
    while len(watch.messages()) == told:
        time.sleep(0.001)
    written_ms = now_ms()
    committed_ms = conn.execute(
        "SELECT (extract(epoch FROM max(committed_at)) * 1000)::float8 FROM batch"
        " JOIN heart_rate ON batch_id = batch.id JOIN device ON device.id = device_id"
        " WHERE device_key = %s AND at > clock_timestamp() - interval '1 min'",
        (patient,),
    ).fetchone()[0]
    return visible_ms - at_ms, visible_ms - committed_ms, written_ms - at_ms


def percentiles(values):
    return {
        "p50_ms": round(statistics.median(values), 1),
        "p99_ms": round(statistics.quantiles(values, n=100, method="inclusive")[98], 1),
        "most_ms": round(max(values), 1),
    }


def measure_latency(dsn, folder, broker, trials, bands):
    keys = make_keys()
    with connect(dsn) as conn:
        migrate(conn)
        town(conn, trials)
        box = enrolled_box(conn)
        watch = WatchProcess(folder, dsn).start()
        stop = threading.Event()
        try:
            with (
                hub_at_work(dsn, broker, keys),
                listening(broker, box, keys.public.signing) as ear,
            ):
                sender = Sender(box, ear)
                others = threading.Thread(target=crowd, args=(sender, bands, stop))
                others.start()
                found = [trial(conn, sender, watch, f"p{n:04}") for n in range(trials)]
                stop.set()
                others.join()
        finally:
            stop.set()
            code, out, _err = watch.stop()
        alerts = conn.execute("SELECT count(*), sum(occurrences) FROM alert").fetchone()
    reading, commit, message = zip(*found, strict=True)
    return {
        "trials": trials,
        "other_bands": bands,
        "alerts": alerts[0],
        "occurrences": alerts[1],
        "reading_to_alert": percentiles(reading),
        "commit_to_alert": percentiles(commit),
        "reading_to_message": percentiles(message),
        "watch": {"exit": code, **json.loads(out)},
    }


def measure_look(dsn):
    """What a look costs when every band has said one value, and one in a hundred is above."""
    costs = {}
    rules, channels = load_alert_rules(), Channels(mail=True, file=False)
    with connect(dsn) as conn:
        migrate(conn)
        town(conn, max(LOOK_BANDS))
        conn.execute(
            "INSERT INTO batch (gateway_id, boot, seq, content_sha256, lane, schema_version,"
            " sealed_at, sealed_mono_ms, reading_count, quarantined_count)"
            " SELECT id, decode(repeat('00', 16), 'hex'), 1, decode(repeat('00', 32), 'hex'),"
            " 'live', 1, now(), 0, 0, 0 FROM gateway"
        )
        conn.execute(
            "SELECT ensure_reading_days('heart_rate', ARRAY[current_date - 1, current_date])"
        )
        for bands in LOOK_BANDS:
            spent = []
            for second in range(8):
                conn.execute(
                    "INSERT INTO heart_rate SELECT now() - s * interval '1 s',"
                    " CASE WHEN id %% %s::integer = 0 THEN 150 ELSE 90 END, 1, NULL, id, 0, 0"
                    " FROM device, generate_series(%s::integer, %s::integer) AS s WHERE id <= %s",
                    (HOT_SHARE, 0, 100 if second == 0 else 0, bands),
                )
                conn.execute(
                    "INSERT INTO batch_queue (batch_id, device_id, min_at, max_at)"
                    " SELECT %s, id, now() - interval '1 s', now() FROM device WHERE id <= %s",
                    (second, bands),
                )
                conn.execute("ANALYZE heart_rate, device_assignment, prescription, enrolment")
                began = time.perf_counter()
                while look(conn, rules, channels, Counters(), most=5_000):
                    pass
                spent.append((time.perf_counter() - began) * 1000)
            costs[bands] = {
                "first_ms": round(spent[0], 1),
                "median_ms": round(statistics.median(spent[1:]), 1),
                "us_per_band": round(statistics.median(spent[1:]) * 1000 / bands, 1),
            }
            conn.execute(
                "TRUNCATE heart_rate, alert, alert_episode, alert_event, delivery, alert_week"
            )
    return costs


def main():
    trials, bands = (int(word) for word in (*sys.argv[1:], "100", "50")[:2])
    set_up_log(verbose=False, for_a_person=False)  # to standard error: the figures stand alone
    with tempfile.TemporaryDirectory(prefix="adhere-measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "mosquitto").mkdir()
        broker = Mosquitto(installed(), folder / "mosquitto")
        broker.start()
        try:
            with EmbeddedPostgres(folder / "pg", base=folder / "base") as server:
                with new_database(server.dsn) as dsn:
                    found = measure_latency(dsn, folder, broker, trials, bands)
                with new_database(server.dsn) as dsn:
                    found["one_look"] = measure_look(dsn)
        finally:
            broker.stop()
    print(json.dumps(found, indent=2))  # noqa: T201 - this is what it is for


if __name__ == "__main__":
    main()
