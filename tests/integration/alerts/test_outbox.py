"""Every message once, or honestly: whatever stops the postman, the row says what is known."""

import contextlib
import json
import threading
import time
from zoneinfo import ZoneInfo

import psycopg
import pytest

from alerts import outbox
from alerts.file import File
from alerts.lifecycle import acknowledge
from alerts.listing import deliveries, one
from alerts.message import Message, Writer
from alerts.outbox import Postman
from alerts.sending import Answer, Fate
from storage.database import connect
from tests.patience import PATIENCE_S

WRITER = Writer("zh_CN", "https://adhere.east.example:8443", ZoneInfo("Asia/Shanghai"))
SENT, LATER = Answer(Fate.SENT), Answer(Fate.LATER, "busy")


class Stand:
    """A channel of the tests: answers as told, keeps what it was given, may do something first."""

    name = "mail"

    def __init__(self, *answers, before=lambda: None, remembers=Fate.UNKNOWN):
        self.answers, self.given = list(answers), []
        self.before, self.remembers = before, remembers

    def send(self, _delivery_id, message):
        self.given.append(message)
        self.before()
        return self.answers.pop(0) if self.answers else SENT

    def recall(self, _delivery_id):
        return self.remembers


@contextlib.contextmanager
def at_work(database, channel):
    with Postman(database, channel, WRITER, threading.Event()) as postman:
        yield postman
    if postman.fault:
        raise postman.fault


def wait_for(condition, timeout_s=PATIENCE_S):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def alert(conn, district):
    alert = district.alert(district.watched("p1", name="欧阳锋"), paged=True)
    add(conn, alert)
    return alert


def add(conn, alert, *, recipient="doctor@east.example", channel="mail", step=0):
    conn.execute(
        "INSERT INTO delivery (alert_id, round, step, channel, recipient)"
        " VALUES (%s, 0, %s, %s, %s)",
        (alert, step, channel, recipient),
    )


def states(conn, alert):
    return [(each.state, each.again) for each in deliveries(conn, alert)]


def tried(conn):
    """How often the one message has been handed over, and whether it is being just now."""
    return conn.execute("SELECT attempts, trying_since IS NOT NULL FROM delivery").fetchone()


def begun(conn):
    """What a process leaves that was killed while it handed over."""
    conn.execute("UPDATE delivery SET trying_since = clock_timestamp(), attempts = 1")


def test_a_message_names_tier_time_and_link_and_hides_name_and_value(conn, database, alert):
    add(conn, alert, recipient="t1@east.example", step=1)
    channel = Stand()
    with at_work(database, channel):
        wait_for(lambda: states(conn, alert) == [("sent", False)] * 2)
    assert all(row.queued_at < row.sent_at for row in deliveries(conn, alert))
    first, escalated = channel.given
    assert first.subject.startswith("[")
    assert "欧*" in first.subject
    assert "欧阳" not in first.text + first.subject
    assert f"https://adhere.east.example:8443/alerts/{alert}" in first.text
    assert first.message_id == f"<alert-{alert}-0-0@adhere.east.example>"
    assert len(escalated.text.splitlines()) == len(first.text.splitlines()) + 1


def test_what_was_not_taken_is_tried_again_later_and_counted(conn, database, alert, monkeypatch):
    monkeypatch.setattr(outbox, "FIRST_WAIT_S", 60.0)  # later than anything here takes
    channel = Stand(LATER, LATER)
    with at_work(database, channel) as postman:
        for attempts in (1, 2):
            wait_for(lambda want=attempts: tried(conn) == (want, False))
            row = conn.execute(
                "SELECT next_try_at > clock_timestamp(), state, detail FROM delivery"
            ).fetchone()
            assert row == (True, "queued", "busy")
            conn.execute("UPDATE delivery SET next_try_at = clock_timestamp()")
            postman.look()
        wait_for(lambda: states(conn, alert) == [("sent", False)])
    assert len(channel.given) == 3
    assert postman.fates[Fate.LATER] == 2


def test_what_is_refused_is_shown_as_undelivered_and_not_tried_again(
    conn, database, district, alert
):
    channel = Stand(Answer(Fate.REFUSED, "recipient_550"))
    with at_work(database, channel) as postman:
        wait_for(lambda: states(conn, alert) == [("refused", False)])
        postman.look()
    assert len(channel.given) == 1
    assert one(conn, district.doctor, alert).undelivered == 1


def test_of_what_nobody_can_know_one_more_goes_out_that_says_so_and_no_third(
    conn, database, district, alert
):
    unknown = Answer(Fate.UNKNOWN, "no_answer")
    channel = Stand(unknown, unknown)
    with at_work(database, channel):
        wait_for(lambda: states(conn, alert) == [("unknown", False), ("unknown", True)])
    first, second = channel.given
    assert first.message_id == second.message_id
    assert len(second.text) > len(first.text)
    assert one(conn, district.doctor, alert).undelivered == 1


def test_mail_that_a_dead_process_was_handing_over_is_unknown(conn, database, alert):
    begun(conn)
    channel = Stand()
    with at_work(database, channel):
        wait_for(lambda: states(conn, alert) == [("unknown", False), ("sent", True)])
    assert len(channel.given) == 1


@pytest.mark.parametrize("was_written", [True, False])
def test_a_line_that_a_dead_process_was_writing_is_looked_for(
    conn, database, tmp_path, alert, was_written
):
    conn.execute("UPDATE delivery SET channel = 'file', recipient = 'file'")
    begun(conn)
    file = File(tmp_path / "messages.jsonl")
    number = conn.execute("SELECT id FROM delivery").fetchone()[0]
    torn = '{"delivery": 1, "te'
    (tmp_path / "messages.jsonl").write_text(
        f'{{"delivery": {number}}}\n{torn}' if was_written else torn, "utf-8"
    )

    with at_work(database, file):
        wait_for(lambda: states(conn, alert) == [("sent", False)])

    lines = (tmp_path / "messages.jsonl").read_text("utf-8").splitlines()
    whole = [json.loads(line) for line in lines if line != torn]
    assert [line["delivery"] for line in whole] == [number]


def test_a_database_that_goes_away_during_the_hand_over_is_told_afterwards(conn, database, alert):
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    channel = Stand(before=lambda: conn.execute(cut, ("adhere watch mail",)))
    with at_work(database, channel):
        wait_for(lambda: states(conn, alert) == [("sent", False)])
    assert len(channel.given) == 1


def test_an_acknowledged_alert_is_not_mailed_any_more(conn, database, district, alert):
    second = district.alert(district.watched("p2"), paged=True)
    acknowledge(conn, alert, district.doctor)
    conn.execute("UPDATE delivery SET state = 'queued'")
    add(conn, second)
    channel = Stand()
    with at_work(database, channel):
        wait_for(lambda: states(conn, second) == [("sent", False)])
    assert len(channel.given) == 1


def test_a_file_that_cannot_be_written_or_read_is_no_end_of_the_world(tmp_path):
    message = Message("<1@x>", "file", "s", "t", "l")
    folder = tmp_path / "folder"
    folder.mkdir()
    assert File(folder).send(1, message) == (Fate.LATER, "IsADirectoryError")
    assert File(folder).recall(1) is Fate.UNKNOWN
    assert File(tmp_path / "none").recall(1) is Fate.LATER


@pytest.mark.parametrize(
    ("answers", "is_due"),
    [
        ([Answer(Fate.REFUSED)] * 2, True),
        ([Answer(Fate.REFUSED), SENT], False),
        ([SENT, Answer(Fate.REFUSED)], False),
        ([LATER, Answer(Fate.REFUSED)], False),
    ],
)
def test_where_every_message_was_refused_the_next_step_does_not_wait(
    conn, database, alert, answers, is_due
):
    add(conn, alert, recipient="second@east.example")
    conn.execute(
        "UPDATE alert SET round_began_at = clock_timestamp(), next_step = 1,"
        " next_step_at = clock_timestamp() + interval '10 minutes'"
    )
    channel = Stand(*answers)
    with at_work(database, channel):
        wait_for(
            lambda: all(row.detail or row.state != "queued" for row in deliveries(conn, alert))
        )
        wait_for(lambda: len(channel.given) == 2)
    assert conn.execute("SELECT next_step_at <= clock_timestamp() FROM alert").fetchone() == (
        is_due,
    )


class CutOff:
    """A connection that breaks once a message is marked as handed over: nobody hears of it."""

    def __init__(self, conn):
        self.conn = conn

    def execute(self, statement, *given):
        done = self.conn.execute(statement, *given)
        if "trying_since = clock_timestamp()" in str(statement) and done.rowcount:
            self.conn.close()
            raise psycopg.OperationalError("the connection is gone")
        return done

    def __getattr__(self, name):
        return getattr(self.conn, name)


def test_a_message_marked_on_a_connection_that_broke_is_not_forgotten(
    conn, database, alert, monkeypatch
):
    made = []

    def breaking_once(dsn, **more):
        made.append(connect(dsn, **more))
        return CutOff(made[0]) if len(made) == 1 else made[-1]

    monkeypatch.setattr(outbox, "connect", breaking_once)
    channel = Stand(remembers=Fate.LATER)
    with at_work(database, channel):
        wait_for(lambda: states(conn, alert) == [("sent", False)])
    assert len(channel.given) == 1
