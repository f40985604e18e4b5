"""The hub and the edge: events once each, states, rosters that only rise, whatever comes."""

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from config.errors import Rejected, Unavailable
from ingest.batch.event import open_event, seal_event
from ingest.batch.keys import make_keys
from ingest.batch.receipt import open_receipt
from ingest.batch.revocation import is_revocation, open_revocation
from ingest.batch.roster import open_roster
from ingest.batch.topics import event_topic, roster_topic, state_topic
from ingest.hub.roster_bands import RosterMaker
from ingest.hub.rosters import RENEW_AFTER, VALID_FOR
from storage.box_times import LONGEST_AGE_MS
from storage.claims import store_edge_event
from storage.gateways import enrol_gateway, revoke_gateway
from storage.people import (
    assign_device,
    put_device,
    put_enrolment,
    put_patient,
    put_prescription,
    put_staff,
)
from storage.rosters import issue_roster
from tests import edges
from tests.boxes import Box, listening
from tests.edges import BAND
from tests.hubs import CENTRE, hub_at_work
from tests.patience import PATIENCE_S
from tests.prescriptions import AEROBIC

TERMS = replace(
    AEROBIC,
    hr_max_bpm=170,
    hr_max_source="measured",
    rest_hr_bpm=70,
    ceiling_bpm=150,
    ceiling_source="prescribed",
)
JANUARY = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def broker(mosquitto):
    return mosquitto


@pytest.fixture(autouse=True)
def _many_looks(monkeypatch):
    """Let no test wait out the second that gathers many changes into one look."""
    monkeypatch.setattr("ingest.hub.rosters.LEAST_BETWEEN_S", 0.05)


def a_wearer(db, pseudonym="p-1", device_key=BAND, terms=TERMS, *, version=1, since=JANUARY):
    """A patient of the centre with a prescription and, with a key, a band."""
    put_staff(db, organisation=CENTRE, code="dr", role="family_doctor", name="Dr")
    put_patient(db, pseudonym=pseudonym, centre=CENTRE, family_doctor="dr")
    enrolment = put_enrolment(
        db, case_label=f"c-{pseudonym}", patient=pseudonym, mode="site", starts_on=date(2026, 1, 5)
    )
    if terms is not None:
        put_prescription(db, enrolment_id=enrolment, version=version, prescription=terms)
    if device_key is not None:
        put_device(db, device_key, "hrs")
        assign_device(db, device_key=device_key, patient=pseudonym, worn_from=since)
    return enrolment


class Listener:
    """Everything that the hub says to one box, opened as the box opens it."""

    def __init__(self, box, hub_keys):
        self.box, self.hub_key = box, hub_keys.public.signing
        self.rosters, self.events, self.refused = [], [], {}
        self.notices, self.empty = [], 0
        self.changed = threading.Condition()

    def on_message(self, _client, _userdata, message):
        with self.changed:
            if message.topic.endswith("/receipt"):
                receipt = open_receipt(message.payload, self.hub_key)
                self.events += [(receipt.boot, number) for number in receipt.events]
                self.refused |= dict(receipt.refused_events)
            elif not message.payload:
                self.empty += 1
            elif is_revocation(message.payload):
                self.notices.append(open_revocation(message.payload, self.hub_key))
            elif message.topic.endswith("/roster"):
                with suppress(Rejected):  # a key of this box may have been revoked meanwhile
                    self.rosters.append(open_roster(message.payload, self.hub_key, self.box.keys))
            self.changed.notify_all()

    def wait(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE_S), "not in time"

    @property
    def roster(self):
        return self.rosters[-1] if self.rosters else None

    def wears(self):
        """Band to (subject, ceiling) of the newest roster."""
        bands = self.roster.bands if self.roster else ()
        return {band.device_key: (band.subject, band.ceiling_bpm) for band in bands}


@contextmanager
def heard_by(broker, box, hub_keys):
    listener = Listener(box, hub_keys)
    with listening(broker, box, hub_keys.public.signing) as ear:
        ear.client.on_message = listener.on_message
        ear.client.subscribe(roster_topic(box.centre, box.gateway), 1)
        listener.client = ear.client
        yield listener


@pytest.fixture
def said(broker, box, hub_keys):
    with heard_by(broker, box, hub_keys) as listener:
        yield listener


def an_event(box, number=0, **changed):
    return edges.event(
        centre=box.centre, gateway=box.gateway, boot=box.boot, number=number, **changed
    )


def send(said, box, *events, topic=None):
    for event in events:
        sealed = event if isinstance(event, bytes) else seal_event(event, box.keys.signing)
        said.client.publish(topic or event_topic(box.centre, box.gateway), sealed, qos=1)


def stored(db):
    return db.execute(
        "SELECT number, state, subject, peak_bpm FROM edge_event ORDER BY number"
    ).fetchall()


def stored_age_ms(db, number=0):
    """It grows while the hub has the event in hand."""
    query = "SELECT age_ms FROM edge_event WHERE number = %s"
    return db.execute(query, (number,)).fetchone()[0]


def reasons(db):
    return dict(db.execute("SELECT reason, sum(times_seen) FROM dead_letter GROUP BY reason"))


# --- events -----------------------------------------------------------------------------------


def test_an_event_is_stored_once_and_receipted_each_time(hub, box, said, db):
    event = an_event(box, age_ms=700)
    send(said, box, event, replace(event, age_ms=5_700), an_event(box, 1, state="ended"))
    said.wait(lambda: len(said.events) >= 3)
    send(said, box, event)
    said.wait(lambda: len(said.events) >= 4)

    assert stored(db) == [(0, "raised", "p-1", 163.0), (1, "ended", "p-1", 163.0)]
    assert 700 <= stored_age_ms(db) < 5_700
    assert sorted(set(said.events)) == [(box.boot, 0), (box.boot, 1)]
    assert hub.counters.events == 2
    assert hub.counters.duplicate_events == 2
    row = db.execute("SELECT rule, rule_version, device_key, samples FROM edge_event").fetchone()
    assert row == ("hr_ceiling", 1, BAND, 31)


@pytest.mark.parametrize("age_ms", [700, None, LONGEST_AGE_MS, 2**63 - 1])
def test_an_event_grows_older_while_the_database_is_away(hub, box, said, db, monkeypatch, age_ms):
    tries = []

    def away_at_first(conn, event):
        tries.append(event.age_ms)
        if len(tries) == 1:
            raise Unavailable("database: away")
        return store_edge_event(conn, event)

    monkeypatch.setattr("ingest.hub.worker.store_edge_event", away_at_first)
    send(said, box, an_event(box, age_ms=age_ms))
    said.wait(lambda: said.events)

    if age_ms == 700:
        assert 700 + 100 <= stored_age_ms(db) < 700 + 10_000, "the hub waits 0.1 s at least"
    else:
        assert stored_age_ms(db) is None, "not known, or beyond belief by now"


def test_the_watch_is_told_when_an_event_is_in_the_database(hub, box, said, database):
    with psycopg.connect(database, autocommit=True) as watching:
        watching.execute("LISTEN adhere_watch")
        send(said, box, an_event(box))

        assert [told.channel for told in watching.notifies(timeout=PATIENCE_S, stop_after=1)]
        assert watching.execute("SELECT count(*) FROM edge_event").fetchone() == (1,)


def test_another_event_under_a_taken_number_is_refused_and_its_box_is_told(hub, box, said, db):
    send(said, box, an_event(box))
    said.wait(lambda: said.events)

    send(said, box, an_event(box, peak_bpm=199.0))
    said.wait(lambda: said.refused)

    assert said.refused == {0: "forked_event"}
    assert stored(db) == [(0, "raised", "p-1", 163.0)]
    assert reasons(db) == {"forked_event": 1}
    assert hub.counters.forked_events == 1


def test_forged_foreign_and_broken_events_are_dead_letters(hub, box, said, enrolled, db):
    other, stranger = enrolled("box-2"), Box(CENTRE, "box-9")
    good = seal_event(an_event(box), box.keys.signing)
    send(said, other, seal_event(an_event(other), stranger.keys.signing))  # unknown_key
    forged = bytearray(good)
    forged[-3] ^= 1
    send(said, box, bytes(forged), b"", b"garbage", bytes(4_097))
    # Captured on one topic, replayed on another gateway's: there its key is not known.
    send(said, box, good, topic=event_topic(CENTRE, "box-2"))
    # Signed by a box in another's name.
    send(said, box, seal_event(an_event(other), box.keys.signing))
    send(said, stranger, an_event(stranger))
    box_event = box.sealed(box.packed(0, edges_readings()))
    send(said, box, box_event)  # a batch on the event topic
    send(said, box, an_event(box, 7))
    said.wait(lambda: said.events)

    wait_for(lambda: sum(reasons(db).values()) == 9)
    assert stored(db) == [(7, "raised", "p-1", 163.0)]
    assert reasons(db) == {
        "unknown_key": 2,
        "bad_signature": 2,
        "not_cose": 2,
        "oversize": 1,
        "wrong_identity": 1,
        "unknown_gateway": 1,
    }
    assert not said.refused


def edges_readings():
    return [edges.live(edges.Clocks(), 80)]


def test_an_event_on_a_batch_topic_is_no_batch(hub, box, said, db):
    send(said, box, an_event(box), topic=box.topic())
    send(said, box, an_event(box, 1))
    said.wait(lambda: said.events)

    wait_for(lambda: reasons(db))
    assert reasons(db) == {"bad_signature": 1}
    assert [row[0] for row in stored(db)] == [1]


def test_events_of_a_revoked_box_are_taken_no_more(hub, box, said, db):
    revoke_gateway(db, centre=CENTRE, gateway=box.gateway)

    send(said, box, an_event(box))
    other = enrol_again(db, box)
    send(said, other, an_event(other, 1))
    said.wait(lambda: said.events)

    wait_for(lambda: reasons(db))
    assert reasons(db) == {"revoked_key": 1}
    assert [row[0] for row in stored(db)] == [1]


def enrol_again(db, box):
    again = Box(box.centre, box.gateway, boot=box.boot)
    signing, encryption = again.public_keys
    enrol_gateway(
        db, centre=CENTRE, gateway=box.gateway, signing_key=signing, encryption_key=encryption
    )
    return again


def test_an_event_goes_through_while_the_hub_is_started_anew(
    database, broker, hub_keys, box, said, db
):
    for number in range(3):
        with hub_at_work(database, broker, hub_keys):
            send(said, box, *(an_event(box, known) for known in range(number + 1)))
            said.wait(lambda number=number: (box.boot, number) in said.events)

    assert [row[0] for row in stored(db)] == [0, 1, 2]


# --- states -----------------------------------------------------------------------------------


def say(said, box, state, **more):
    payload = state if isinstance(state, bytes) else json.dumps({"state": state} | more).encode()
    said.client.publish(state_topic(box.centre, box.gateway), payload, qos=1, retain=True)


def states(db):
    return db.execute("SELECT online, said_at, said ->> 'stored' FROM gateway_state").fetchall()


def until(hub, count):
    """Wait until so many states are stored."""
    return lambda: hub.counters.states >= count


def wait_for(condition):
    gate = threading.Event()
    for _ in range(2_000):
        if condition():
            return
        gate.wait(0.01)
    raise AssertionError("not in time")


def test_a_gateway_stands_as_it_says_and_a_last_will_keeps_what_it_said(hub, box, said, db):
    say(said, box, "online", at_utc_ms=1_767_268_800_000, stored=17)
    wait_for(until(hub, 1))
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert states(db) == [(True, noon, "17")]

    say(said, box, "offline")
    wait_for(until(hub, 2))

    assert states(db) == [(False, noon, "17")]


def test_a_state_that_the_broker_retained_is_as_old_as_it_says(
    database, broker, hub_keys, box, said, db
):
    say(said, box, "online", at_utc_ms=1_767_268_800_000)

    with hub_at_work(database, broker, hub_keys) as hub:
        wait_for(until(hub, 1))

    assert db.execute("SELECT came_at FROM gateway_state").fetchone() == (
        datetime(2026, 1, 1, 12, tzinfo=UTC),
    )


NO_STATES = (
    b"",
    b"\xff",
    b"[]",
    b'"online"',
    b'{"state": "maybe"}',
    b'{"state": ["online"]}',
    b"[" * 10_000,
    b'{"state": "online", "x": NaN}',
    b'{"state": "online", "x": "\\u0000"}',
    b'{"state": "online", "x": ' + b"9" * 5_000 + b"}",
    b" " * 16_385,
)


def test_what_is_no_state_is_set_aside_and_holds_nobody_up(hub, box, said, db):
    for payload in NO_STATES:
        said.client.publish(state_topic(box.centre, box.gateway), payload, qos=1)
    say(said, Box(CENTRE, "nobody"), "online")
    say(said, box, "online")

    wait_for(lambda: sum(reasons(db).values()) == len(NO_STATES) + 1)
    wait_for(until(hub, 1))
    assert reasons(db) == {
        "malformed": 9,
        "oversize": 1,
        "database_refused": 1,
        "unknown_gateway": 1,
    }
    assert states(db)[0][0] is True


def test_odd_times_and_numbers_in_a_state_do_no_harm(hub, box, said, db):
    for at in (-1, 1.5, "now", None, 10**20, True):
        say(said, box, "online", at_utc_ms=at, edge={"roster_version": at})
    wait_for(until(hub, 6))

    assert states(db)[0][:2] == (True, None)


# --- rosters ----------------------------------------------------------------------------------


def test_a_roster_is_there_at_the_start_and_follows_every_change(hub, box, said, db):
    said.wait(lambda: said.roster is not None)
    assert said.roster.bands == ()

    enrolment = a_wearer(db)
    said.wait(lambda: said.wears() == {BAND: ("p-1", 150)})
    band = said.roster.bands[0]
    assert (band.family, band.zone_lo_bpm, band.zone_hi_bpm) == ("hrs", 110, 130)
    assert band.worn_from_ms == 1000 * JANUARY.timestamp()

    put_prescription(
        db, enrolment_id=enrolment, version=2,
        prescription=replace(TERMS, effective_from=date(2026, 1, 6), ceiling_bpm=140),
    )  # fmt: skip
    said.wait(lambda: said.wears() == {BAND: ("p-1", 140)})
    put_device(db, BAND, "veepoo")
    said.wait(lambda: said.roster.bands[-1].family == "veepoo")
    db.execute("UPDATE patient SET pseudonym = 'p-1x'")
    said.wait(lambda: said.wears() == {BAND: ("p-1x", 140)})
    db.execute("DELETE FROM device_assignment")
    said.wait(lambda: said.wears() == {})

    versions = [roster.version for roster in said.rosters]
    assert versions == sorted(set(versions))
    assert {(roster.centre, roster.gateway) for roster in said.rosters} == {(CENTRE, box.gateway)}


def test_a_roster_goes_to_the_boxes_of_the_centre_alone(hub, box, said, broker, hub_keys, db):
    db.execute("INSERT INTO organisation (kind, code, name) VALUES ('centre', 'west', 'West')")
    far = Box("west", "box-1")
    signing, encryption = far.public_keys
    enrol_gateway(
        db, centre="west", gateway="box-1", signing_key=signing, encryption_key=encryption
    )
    with heard_by(broker, far, hub_keys) as there:
        a_wearer(db)
        said.wait(said.wears)
        there.wait(lambda: there.roster is not None)
        assert there.roster.bands == ()
        db.execute(
            "UPDATE patient SET centre_id = (SELECT id FROM organisation WHERE code = 'west')"
        )

        there.wait(lambda: there.wears() == {BAND: ("p-1", 150)})
        said.wait(lambda: said.wears() == {})


def test_a_key_that_nothing_can_be_sealed_to_stops_no_other_roster(hub, box, said, db):
    signing, _ = Box(CENTRE, "bad").public_keys
    enrol_gateway(db, centre=CENTRE, gateway="bad", signing_key=signing, encryption_key=bytes(32))

    a_wearer(db)

    said.wait(lambda: said.wears() == {BAND: ("p-1", 150)})
    assert db.execute("SELECT count(*) FROM roster_issue").fetchone() == (1,)


def test_an_unchanged_roster_is_not_issued_anew_by_a_start_and_comes_from_the_broker(
    database, broker, hub_keys, box, db
):
    a_wearer(db)
    versions = []
    for _ in range(2):
        with hub_at_work(database, broker, hub_keys), heard_by(broker, box, hub_keys) as said:
            said.wait(lambda said=said: said.roster is not None)
            versions.append(said.roster.version)
    with heard_by(broker, box, hub_keys) as said:  # no hub is there
        said.wait(lambda: said.roster is not None)
        versions.append(said.roster.version)

    assert len(set(versions)) == 1


def test_a_broker_that_hands_out_what_nobody_asked_for_makes_no_dead_letters(
    database, amqtt, hub_keys, box, db
):
    """The embedded broker sends whoever connects what it retains for others, too."""
    a_wearer(db)
    for _ in range(2):
        with hub_at_work(database, amqtt, hub_keys), heard_by(amqtt, box, hub_keys) as said:
            said.wait(lambda said=said: said.roster is not None)
            say(said, box, "online")
            send(said, box, an_event(box))
            said.wait(lambda said=said: said.events)

    assert reasons(db) == {}
    assert len(stored(db)) == 1


def test_several_hubs_publish_the_same_rosters_in_rising_versions(
    database, broker, hub_keys, box, said, db
):
    with hub_at_work(database, broker, hub_keys), hub_at_work(database, broker, hub_keys):
        for number in range(5):
            a_wearer(db, f"p-{number}", f"band-{number}")
            said.wait(lambda number=number: f"band-{number}" in said.wears())

    by_version = {}
    for roster in said.rosters:
        assert by_version.setdefault(roster.version, roster) == roster
    with heard_by(broker, box, hub_keys) as after:
        after.wait(lambda: after.roster is not None)
        assert after.roster.version == max(by_version)


def test_a_box_that_says_it_has_an_older_roster_is_sent_the_newest_again(
    hub, box, said, broker, monkeypatch
):
    monkeypatch.setattr("ingest.hub.rosters.LOOK_S", 0.0)
    said.wait(lambda: said.roster is not None)
    count = len(said.rosters)
    # The broker has lost what it retained.
    said.client.publish(roster_topic(box.centre, box.gateway), b"", qos=1, retain=True)
    said.wait(lambda: said.empty)

    say(said, box, "online", edge={"roster_version": None})

    said.wait(lambda: len(said.rosters) > count)
    assert said.rosters[-1] == said.rosters[count - 1]


def test_a_broker_that_lost_everything_is_given_the_rosters_again(hub, box, broker, hub_keys, db):
    with heard_by(broker, box, hub_keys) as said:
        a_wearer(db)
        said.wait(said.wears)
    broker.kill()
    for kept in broker.folder.glob("*.db"):
        kept.unlink()
    broker.start()

    with heard_by(broker, box, hub_keys) as said:
        said.wait(lambda: said.wears() == {BAND: ("p-1", 150)})


def test_while_keys_are_changed_both_open_the_roster_and_a_revoked_box_is_told(
    hub, box, said, broker, hub_keys, db
):
    a_wearer(db)
    again = enrol_again(db, box)
    with heard_by(broker, again, hub_keys) as new:
        new.wait(lambda: new.wears() == {BAND: ("p-1", 150)})
        said.wait(lambda: said.wears() == {BAND: ("p-1", 150)})

    revoke_gateway(db, centre=CENTRE, gateway=box.gateway)
    said.wait(lambda: said.notices)
    notice = said.notices[-1]
    assert (notice.centre, notice.gateway) == (CENTRE, box.gateway)
    assert set(notice.kids) == {box.keys.kid, again.keys.kid}
    with heard_by(broker, again, hub_keys) as late:
        late.wait(lambda: late.notices)
        assert not late.rosters, "the broker has forgotten it"


# --- what is issued ---------------------------------------------------------------------------


def issue(db, hub_keys, gateway_id=1, **more):
    maker = RosterMaker(hub_keys.signing, ZoneInfo("Asia/Shanghai"))
    times = {"renew_after": RENEW_AFTER, "valid_for": VALID_FOR} | more
    return issue_roster(db, gateway_id, maker.content, **times)


def gateway_id(db):
    return db.execute("SELECT id FROM gateway").fetchone()[0]


def test_a_version_rises_past_what_a_restored_database_has_forgotten(db, box, hub_keys):
    a_wearer(db)
    first = issue(db, hub_keys, gateway_id(db))
    db.execute("DELETE FROM roster_issue")  # as from a backup of the day before

    assert issue(db, hub_keys, gateway_id(db)).version >= first.version
    db.execute("UPDATE roster_issue SET version = version + 1000, content_sha256 = sha256('x')")
    assert issue(db, hub_keys, gateway_id(db)).version > first.version + 1000


def test_many_at_once_issue_one_roster(database, db, box, hub_keys):
    a_wearer(db)
    number, issued = gateway_id(db), []

    def one():
        with psycopg.connect(database, autocommit=True) as conn:
            issued.append(issue(conn, hub_keys, number))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(issued) == 8
    assert len(set(issued)) == 1


def test_a_roster_is_renewed_long_before_it_expires(db, box, hub_keys):
    first = issue(db, hub_keys, gateway_id(db))
    again = issue(db, hub_keys, gateway_id(db), renew_after=timedelta(0))

    assert again.version > first.version
    opened = open_roster(again.sealed, hub_keys.public.signing, box.keys)
    assert opened.expires_utc_ms - opened.issued_utc_ms == pytest.approx(14 * 86_400_000, abs=2)


def test_a_new_hub_key_signs_everything_anew(db, box, hub_keys):
    first = issue(db, hub_keys, gateway_id(db))
    new = make_keys()

    again = issue(db, new, gateway_id(db))

    assert again.version > first.version
    with pytest.raises(Rejected, match="bad_signature"):
        open_roster(again.sealed, hub_keys.public.signing, box.keys)


def test_what_has_no_key_in_force_is_issued_nothing(db, box, hub_keys):
    revoke_gateway(db, centre=CENTRE, gateway=box.gateway)

    assert issue(db, hub_keys, gateway_id(db)) is None
    assert issue(db, hub_keys, 999) is None


def test_an_event_of_an_edge_opens_with_its_own_key():
    """The two ends name the same event: what the tests seal is what a gateway seals."""
    box = Box(CENTRE, "box-1")

    assert open_event(seal_event(an_event(box), box.keys.signing), box.keys.public.signing)
