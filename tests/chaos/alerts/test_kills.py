"""A watch killed at random moments: exactly the planted alerts, every message once or honestly."""

import copy
import os
import random
import threading
import time
from collections import Counter

from storage.database import connect
from tests.district import District, every
from tests.mailbox import mail_server
from tests.patience import PATIENCE_S
from tests.watches import WatchProcess

KILLS = int(os.environ.get("ADHERE_KILLS", "10"))
PATIENTS = 24
S = 1_000


def plant(dsn, district, keys):
    """Readings of all bands as a hub commits them; two of three have their event."""
    with connect(dsn) as conn:
        district = copy.copy(district)
        district.conn = conn
        for number, key in enumerate(keys):
            now = int(district.one("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"))
            bpm = 150.0 if number % 3 else 130.0
            readings = every(now - 60 * S, now, bpm, step_ms=S)
            for start in range(0, 60, 20):
                district.hear(key, heart_rate=readings[start : start + 20])
            time.sleep(KILLS * 0.5 / PATIENTS)  # spread over the time of the kills


def test_a_watch_killed_at_random_loses_and_doubles_nothing(tmp_path, database):
    chance = random.Random(3)
    keys = [f"p{number:02}" for number in range(PATIENTS)]
    with connect(database) as conn, mail_server() as mailbox:
        district = District(conn)
        conn.execute("UPDATE staff SET email = 'doctor@east.example'")
        for key in keys:
            since = district.one("SELECT current_date - 30")
            district.wear(key, starts_on=since, ceiling_bpm=140.0, ceiling_source="prescribed")
        watch = WatchProcess(tmp_path, database, mail_port=mailbox.port)
        planter = threading.Thread(target=plant, args=(database, district, keys))
        planter.start()
        for _kill in range(KILLS):
            watch.start()
            time.sleep(chance.uniform(0, 0.3))
            watch.kill()
        planter.join()
        watch.start()
        end = time.monotonic() + PATIENCE_S
        while conn.execute(
            "SELECT (SELECT count(*) FROM batch_queue)"
            " + (SELECT count(*) FROM delivery WHERE state = 'queued')"
        ).fetchone() != (0,):
            assert time.monotonic() < end, "did not catch up"
            time.sleep(0.05)
        assert watch.stop()[0] == 0

        alerts = conn.execute(
            "SELECT pseudonym, occurrences, paged, samples FROM alert"
            " JOIN patient ON patient.id = patient_id ORDER BY pseudonym"
        ).fetchall()
        planted = [key for number, key in enumerate(keys) if number % 3]
        assert alerts == [(key, 1, True, 60) for key in planted]
        rows = conn.execute(
            "SELECT alert_id, channel, again, state FROM delivery ORDER BY id"
        ).fetchall()

    firsts = [(alert, channel) for alert, channel, again, _state in rows if not again]
    assert sorted(firsts) == sorted(
        (alert, channel) for alert in {row[0] for row in rows} for channel in ("file", "mail")
    )
    assert len(firsts) == 2 * len(planted)
    unknown = {(alert, channel) for alert, channel, _again, state in rows if state == "unknown"}
    again = {(alert, channel) for alert, channel, is_again, _state in rows if is_again}
    assert unknown == again
    assert all(channel == "mail" for _alert, channel in unknown)

    # The file knows: one line each. Mail: each arrived; a second only where the row says unknown.
    lines = Counter(line["link"] for line in watch.messages())
    mails = Counter(mail["Message-ID"] for _to, mail in mailbox.mails)
    assert set(lines.values()) == {1}
    assert len(lines) == len(mails) == len(planted)
    doubled = sum(count - 1 for count in mails.values())
    assert doubled <= len(unknown)
