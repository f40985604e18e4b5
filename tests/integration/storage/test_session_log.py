"""The session log: an entry is one however often it is sent, and is corrected, never edited."""

from dataclasses import replace
from datetime import date

import pytest

from config.errors import Misconfigured, Rejected
from storage.people import put_enrolment, put_staff
from storage.session_log import (
    Session,
    correct_session,
    history_of,
    note_session,
    sessions_between,
)
from tests.batches import a_patient

MONDAY, TUESDAY, SUNDAY = date(2026, 11, 9), date(2026, 11, 10), date(2026, 11, 15)
BANDS = Session(date=TUESDAY, component="resistance", minutes=25, rpe=13, supervised_by="coach")


@pytest.fixture
def enrolment(conn):
    a_patient(conn, "p1")
    organisation = conn.execute("SELECT code FROM organisation WHERE kind = 'centre'").fetchone()[0]
    for code in ("coach", "dr"):
        put_staff(conn, organisation=organisation, code=code, role="instructor", name=f"N {code}")
    found = put_enrolment(conn, case_label="c1", patient="p1", mode="worn", starts_on=MONDAY)
    conn.execute("DELETE FROM changed")
    return found


def note(conn, enrolment, session=BANDS, *, key="k1", by="coach"):
    return note_session(conn, enrolment_id=enrolment, entry_key=key, session=session, noted_by=by)


def correct(conn, session, *, revision=1, reason="wrong day", by="dr"):
    return correct_session(
        conn, entry_key="k1", revision=revision, session=session, reason=reason, noted_by=by
    )


def changed_days(conn):
    return sorted(
        row[0] for row in conn.execute("SELECT lower(days) FROM changed WHERE patient_id > 0")
    )


def standing(conn):
    return conn.execute("SELECT date, minutes FROM logged_session ORDER BY date").fetchall()


def test_an_entry_says_what_was_done_who_was_there_and_who_wrote_it(conn, enrolment):
    entry = note(conn, enrolment, by="dr")

    assert entry.session == BANDS
    assert (entry.revision, entry.noted_by, entry.writer) == (1, "dr", "N dr")
    assert (entry.supervisor, entry.withdrawn, entry.correction_reason) == ("N coach", False, None)
    assert changed_days(conn) == [TUESDAY]


def test_an_entry_that_is_sent_twice_is_one_and_marks_nothing_again(conn, enrolment):
    first = note(conn, enrolment)
    conn.execute("DELETE FROM changed")

    assert note(conn, enrolment) == first
    assert changed_days(conn) == []
    assert standing(conn) == [(TUESDAY, 25)]


def test_the_same_key_with_other_words_is_refused(conn, enrolment):
    note(conn, enrolment)

    for other in (replace(BANDS, minutes=40), replace(BANDS, supervised_by=None)):
        with pytest.raises(Rejected, match="session_edited"):
            note(conn, enrolment, other)

    assert standing(conn) == [(TUESDAY, 25)]


def test_a_correction_takes_the_entrys_place_and_keeps_what_was_said(conn, enrolment):
    note(conn, enrolment)
    conn.execute("DELETE FROM changed")
    right = replace(BANDS, date=SUNDAY, minutes=30)

    corrected = correct(conn, right)

    assert (corrected.revision, corrected.correction_reason) == (2, "wrong day")
    assert [(one.session, one.noted_by) for one in history_of(conn, "k1")] == [
        (BANDS, "coach"),
        (right, "dr"),
    ]
    assert standing(conn) == [(SUNDAY, 30)]
    assert changed_days(conn) == [TUESDAY, SUNDAY]
    assert correct(conn, right) == corrected
    assert len(history_of(conn, "k1")) == 2


def test_what_is_taken_back_counts_no_more_and_is_still_to_be_seen(conn, enrolment):
    note(conn, enrolment)

    correct(conn, None, reason="another person")

    assert standing(conn) == []
    [entry] = sessions_between(conn, enrolment, MONDAY, SUNDAY)
    assert (entry.withdrawn, entry.session) == (True, BANDS)
    correct(conn, BANDS, revision=2, reason="it was this person")
    assert standing(conn) == [(TUESDAY, 25)]


def test_two_corrections_of_one_revision_do_not_both_stand(conn, enrolment):
    note(conn, enrolment)
    correct(conn, replace(BANDS, minutes=30))

    with pytest.raises(Rejected, match="session_changed"):
        correct(conn, replace(BANDS, minutes=35), by="coach")

    assert standing(conn) == [(TUESDAY, 30)]


def test_what_was_never_said_cannot_be_corrected(conn, enrolment):
    for revision in (0, 1, 2):
        with pytest.raises(Rejected, match="session_unknown"):
            correct(conn, BANDS, revision=revision)


def test_entries_are_listed_by_their_days(conn, enrolment):
    note(conn, enrolment, key="tue")
    note(conn, enrolment, replace(BANDS, date=SUNDAY), key="sun")
    note(conn, enrolment, replace(BANDS, date=date(2026, 11, 16)), key="next")

    found = sessions_between(conn, enrolment, MONDAY, SUNDAY)

    assert [one.entry_key for one in found] == ["sun", "tue"]


@pytest.mark.parametrize(
    "contradiction",
    [
        {"component": "swimming"},
        {"minutes": 0},
        {"minutes": 1441},
        {"minutes": float("nan")},
        {"rpe": 5.5},
        {"rpe": 21},
        {"rpe": float("nan")},
        {"attended": False},
    ],
)
def test_an_entry_that_cannot_be_meant_is_refused(conn, enrolment, contradiction):
    with pytest.raises(Rejected, match="database_refused"):
        note(conn, enrolment, replace(BANDS, **contradiction))


def test_who_did_not_come_has_an_entry_without_figures(conn, enrolment):
    absent = Session(date=TUESDAY, component="balance", attended=False)

    assert note(conn, enrolment, absent).session == absent


@pytest.mark.parametrize(
    ("session", "by"), [(BANDS, "nobody"), (replace(BANDS, supervised_by="nobody"), "coach")]
)
def test_only_the_staff_writes_and_supervises(conn, enrolment, session, by):
    with pytest.raises(Misconfigured, match="nobody"):
        note(conn, enrolment, session, by=by)


def test_a_correction_without_a_reason_is_refused(conn, enrolment):
    note(conn, enrolment)

    with pytest.raises(Rejected, match="database_refused"):
        correct(conn, None, reason="")
