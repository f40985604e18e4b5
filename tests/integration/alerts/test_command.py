"""`adhere watch` as an operator runs it: ready, beating, alone, stopped in order."""

import json
import time

import pytest

from alerts.lifecycle import acknowledge
from alerts.listing import deliveries, last_beat, work_list
from scripts.main import EXIT_UNAVAILABLE
from storage.database import exclusively
from tests.district import every
from tests.patience import PATIENCE_S
from tests.watches import WatchProcess

S = 1_000


def wait_for(condition, timeout_s=PATIENCE_S):
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)
    return value


@pytest.fixture
def process(tmp_path, database):
    process = WatchProcess(tmp_path, database)
    yield process
    if process.process is not None and process.process.poll() is None:
        process.kill()


def test_it_raises_tells_beats_and_stops_in_order_without_a_value_in_its_log(
    conn, district, process
):
    patient = district.watched("p1", name="张三")
    process.start()
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 153.25))

    (alert,) = wait_for(lambda: work_list(conn, district.doctor))
    (message,) = wait_for(process.messages)
    wait_for(lambda: deliveries(conn, alert.id)[0].state == "sent")

    assert alert.patient_id == patient
    assert message["subject"].startswith("[Red] 张*, ")
    assert message["link"] == f"https://adhere.east.example/alerts/{alert.id}"
    assert wait_for(lambda: last_beat(conn)).age.total_seconds() < 10
    code, out, err = process.stop()
    report = json.loads(out)
    assert code == 0
    assert (report["pages"], report["post"]["file"]["sent"]) == (1, 1)
    assert "watch_stopped" in err
    assert not any(secret in err + out for secret in ("153", "张", "p1", "doctor@"))


def test_connections_that_break_are_made_anew_and_nothing_is_missed(conn, district, process):
    district.watched("p1")
    process.start()
    for _time in range(3):
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'adhere watch%'"
        )
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0))
    wait_for(process.messages)
    code, _out, err = process.stop()
    assert code == 0
    assert "database_away" in err


def test_a_second_watch_says_so_and_ends_and_may_run_once_it_is_alone(conn, process):
    with exclusively(conn, "watch") as mine:
        assert mine
        with pytest.raises(AssertionError, match="another watch is at work"):
            process.start()
        assert process.process.returncode == EXIT_UNAVAILABLE
    process.start()
    assert process.stop()[0] == 0


def test_what_is_acknowledged_before_it_can_be_sent_is_dropped(conn, district, process, tmp_path):
    district.watched("p1")
    process.file.mkdir()  # nothing can be written there
    process.start()
    now = district.ago_ms(0)
    district.hear("p1", heart_rate=every(now - 60 * S, now, 150.0))
    (alert,) = wait_for(lambda: work_list(conn, district.doctor))
    tried = wait_for(
        lambda: [d for d in deliveries(conn, alert.id) if d.attempts and d.detail] or None
    )
    assert [(each.state, each.detail) for each in tried] == [("queued", "IsADirectoryError")]

    acknowledge(conn, alert.id, district.doctor)

    wait_for(lambda: [d.state for d in deliveries(conn, alert.id)] == ["dropped"])
