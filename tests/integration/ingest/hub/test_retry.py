"""Dead letters tried again, over the hub's own reading path."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ingest.batch.envelope import seal
from ingest.batch.event import Event, seal_event
from ingest.batch.keys import save_keys
from ingest.batch.to_hub import HubSecrets, Recipient
from ingest.batch.topics import event_topic, state_topic
from ingest.hub import HUB_KEY_FILE
from ingest.hub.retry import retry
from scripts.commands.db import app
from storage import ledger
from storage.database import connect
from storage.dead_letters import (
    LARGEST_DEAD_LETTER_BYTES,
    bytes_of,
    kept,
    latest,
    one,
    store_dead_letter,
)
from storage.gateways import enrol_gateway, revoke_gateway_key
from storage.roles import Role
from tests.boxes import NOON_UTC_MS, Box, pulse
from tests.hubs import CENTRE, enrolled_box, open_centre


@pytest.fixture
def place(database, hub_keys, tmp_path):
    """A centre, an owner's connection, one that works as the hub, and the hub's settings."""
    save_keys(tmp_path / HUB_KEY_FILE, hub_keys)
    settings = tmp_path / "district.toml"
    settings.write_text(
        f'data_dir = "{tmp_path}"\n[broker]\nhost = "localhost"\n'
        f'[nightly]\nreport_dir = "{tmp_path}"\n',
        "utf-8",
    )
    with connect(database) as db, connect(database, role=Role.HUB) as as_hub:
        open_centre(db)
        yield SimpleNamespace(
            db=db,
            as_hub=as_hub,
            secrets=HubSecrets([hub_keys.encryption]),
            retry=lambda *words: CliRunner().invoke(
                app,
                ["dead-letter", "retry", *words, "--settings", str(settings), "--json"],
                env={"ADHERE_DATABASE_DSN": database, "ADHERE_BROKER_PASSWORD": ""},
            ),
        )


def readings_in(db):
    return db.execute("SELECT count(*) FROM heart_rate").fetchone()[0]


def test_what_came_before_its_gateway_was_enrolled_is_stored_once(place):
    box = Box(CENTRE, "box-1")
    message, _name = box.batch(0, pulse(600))
    letter = store_dead_letter(place.db, box.topic(), "unknown_gateway", "", message)
    before = place.retry(str(letter))
    signing, encryption = box.public_keys
    enrol_gateway(
        place.db, centre=CENTRE, gateway="box-1", signing_key=signing, encryption_key=encryption
    )

    first = place.retry("--reason", "unknown_gateway")
    second = place.retry("--reason", "unknown_gateway")
    third = place.retry(str(letter))

    assert (before.exit_code, json.loads(before.stdout)[0]["outcome"]) == (1, "unknown_gateway")
    assert json.loads(first.stdout) == [
        {"id": letter, "outcome": "stored", "now": "stored", "detail": ""}
    ]
    assert json.loads(second.stdout) == []
    assert [json.loads(third.stdout)[0][name] for name in ("outcome", "now")] == [
        "stored",
        "stored",
    ]
    assert third.exit_code == 0
    assert readings_in(place.db) == 600
    settled = one(place.db, letter)
    assert settled.retry_outcome == "stored"
    assert settled.bytes_dropped_at is not None
    assert bytes_of(place.db, letter) == b""
    assert place.db.execute("SELECT batch_id FROM dead_letter").fetchone() is not None
    ledger.catch_up(place.db)
    assert ledger.findings(place.db) == []


def test_a_batch_to_a_key_that_was_missing_is_read_when_the_key_is_back(place, hub_keys):
    box = enrolled_box(place.db)
    to_hub = Recipient(hub_keys.public.encryption, box.centre, box.gateway)
    message = seal(box.packed(0, pulse(3)), box.keys.signing, box.keys.kid, readable_by=to_hub)
    letter = store_dead_letter(place.db, box.topic("backlog"), "another_hub_key", "", message)

    without = retry(place.as_hub, kept(place.db, letter), HubSecrets([]))
    with_key = retry(place.as_hub, kept(place.db, letter), place.secrets)

    assert (without.outcome, with_key.outcome) == ("another_hub_key", "stored")
    assert readings_in(place.db) == 3


def test_a_revoked_gateway_stays_refused(place):
    box = enrolled_box(place.db)
    message, _name = box.batch(0)
    letter = store_dead_letter(place.db, box.topic(), "revoked_key", "", message)
    revoke_gateway_key(place.db, box.public_keys[0])

    assert retry(place.as_hub, kept(place.db, letter), place.secrets).outcome == "revoked_key"
    assert readings_in(place.db) == 0


def test_a_letter_that_was_cut_cannot_be_tried(place):
    box = enrolled_box(place.db)
    data = box.batch(0)[0] + bytes(LARGEST_DEAD_LETTER_BYTES)
    letter = store_dead_letter(place.db, box.topic(), "oversize", "", data)

    run = place.retry(str(letter))

    assert (run.exit_code, json.loads(run.stdout)[0]["outcome"]) == (1, "truncated")
    assert latest(place.db)[0].retry_outcome == "truncated"


def test_a_fork_stays_a_fork(place):
    box = enrolled_box(place.db)
    first, second = (box.batch(0, pulse(3, bpm=bpm))[0] for bpm in (80.0, 81.0))
    letters = [
        store_dead_letter(place.db, box.topic(), "forked_spool", "", message)
        for message in (first, second)
    ]

    outcomes = [
        retry(place.as_hub, kept(place.db, letter), place.secrets).outcome for letter in letters
    ]

    assert outcomes == ["stored", "forked_spool"]
    assert readings_in(place.db) == 3


def test_a_state_is_no_news(place):
    box = enrolled_box(place.db)
    topic = box.topic().replace("/live", "/state")
    letter = store_dead_letter(place.db, topic, "malformed", "", b'{"state": "online"}')

    assert retry(place.as_hub, kept(place.db, letter), place.secrets).outcome == "not_retriable"


def test_an_event_is_stored_as_old_as_it_is_by_now(place):
    box = enrolled_box(place.db)
    event = Event(
        centre=box.centre,
        gateway=box.gateway,
        boot=bytes(16),
        number=0,
        rule="hr_ceiling",
        rule_version=1,
        device_key="band-1",
        subject="P-1",
        onset_utc_ms=NOON_UTC_MS,
        raised_utc_ms=NOON_UTC_MS + 30_000,
        last_utc_ms=NOON_UTC_MS + 30_000,
        state="raised",
        age_ms=1_000,
        peak_bpm=150.0,
        samples=30,
        ceiling_bpm=140.0,
    )
    sealed = seal_event(event, box.keys.signing)
    letter = store_dead_letter(
        place.db, event_topic(box.centre, box.gateway), "unknown_key", "", sealed
    )
    waited = kept(place.db, letter)._replace(waited_ms=3_600_000)

    outcomes = [retry(place.as_hub, waited, place.secrets).outcome for _time in range(2)]

    assert outcomes == ["stored", "duplicate"]
    assert place.db.execute("SELECT age_ms FROM edge_event").fetchall() == [(3_601_000,)]


def test_one_says_which_letters(place):
    assert place.retry().exit_code != 0
    assert place.retry("7", "--reason", "malformed").exit_code != 0


def test_what_was_given_up_and_is_stored_by_a_retry_is_not_lost(place):
    box = enrolled_box(place.db)
    (first, _), (second, _) = (
        box.batch(seq, pulse(3, start_utc_ms=NOON_UTC_MS + 60_000 * seq)) for seq in (0, 1)
    )
    letters = [
        store_dead_letter(place.db, box.topic(), "unknown_key", "", message)
        for message in (first, second)
    ]

    run = place.retry("--reason", "unknown_key")

    assert run.exit_code == 0
    assert place.db.execute(
        "SELECT letter.id, seq FROM dead_letter AS letter JOIN batch ON batch.id = batch_id"
        " ORDER BY seq"
    ).fetchall() == [(letters[0], 0), (letters[1], 1)]


def test_a_letter_whose_bytes_are_gone_says_so(place):
    box = enrolled_box(place.db)
    letter = store_dead_letter(place.db, box.topic(), "unknown_key", "", box.batch(0)[0])
    with place.db.transaction():
        place.db.execute("SELECT drop_letter_bytes('infinity', 10)")

    run = place.retry(str(letter))
    by_reason = place.retry("--reason", "unknown_key")

    assert (run.exit_code, json.loads(run.stdout)[0]["outcome"]) == (1, "bytes_dropped")
    assert json.loads(by_reason.stdout) == []
    assert one(place.db, letter).retry_outcome is None


def test_states_of_a_box_that_is_not_enrolled_are_counted_and_not_kept(place):
    topic = state_topic(CENTRE, "nobody")
    for at in range(60):
        said = json.dumps({"state": "online", "at_utc_ms": at}).encode()
        store_dead_letter(place.db, topic, "unknown_gateway", "", said)

    (letter,) = latest(place.db)

    assert (letter.times_seen, letter.full_length) == (60, 0)
    assert bytes_of(place.db, letter.id) == b""
    assert place.retry(str(letter.id)).exit_code == 1
    assert one(place.db, letter.id).retry_outcome == "not_retriable"
