"""Prescriptions beyond one zone and the session log, as a doctor and an instructor handle them."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reports.nightly.recompute import recompute
from storage.people import Phase, Prescription, put_prescription
from tests.pages import CSRF

TODAY = datetime.now(ZoneInfo("Asia/Shanghai")).date()
START = TODAY - timedelta(days=TODAY.weekday() + 14)
"""The Monday two weeks before this week's."""
WHOLE = Prescription(
    effective_from=START,
    age_years=67.0,
    sex="F",
    beta_blocker=False,
    hr_max_bpm=160.0,
    hr_max_source="gellish",
    rest_hr_bpm=60.0,
    rest_hr_source="measured",
    frozen_on=START,
    zone_lo=40.25,
    zone_hi=100 / 1.5,
    session_min=30.0,
    sessions_per_week=3.0,
    weekly_min=90.0,
    ceiling_bpm=145.75,
    ceiling_source="default",
    day_adds_up=True,
    resistance_per_week=2.0,
    resistance_min=20.0,
    rest_days=1,
    balance_per_week=3.0,
    balance_min=None,
    steps_per_day=6_500.0,
    phases=(
        Phase(from_week=1, phase="adapt", session_min=20.0, weekly_min=60.0),
        Phase(from_week=4, phase="progress", zone_lo=45.0, zone_hi=70.5),
    ),
)
TOMORROW = (TODAY + timedelta(days=1)).isoformat()
FIELD = re.compile(r'<input[^>]* name="([a-z_]+)"[^>]*? value="([^"]*)"')
SELECT = re.compile(r'<select name="([a-z_]+)".*?</select>', re.DOTALL)
OPTION = re.compile(r'<option value="([^"]*)"( selected)?>')


@pytest.fixture
def whole(house):
    """A patient of the first doctor with everything prescribed; the id of the enrolment."""
    patient = house.add_patient("p3")
    enrolment = house.enrol(patient, "p3", START)
    put_prescription(house.conn, enrolment_id=enrolment, version=1, prescription=WHOLE)
    house.conn.execute(
        "INSERT INTO care_team SELECT %s, id FROM staff WHERE code = 'coach'", (patient,)
    )
    return enrolment


def form_of(text, action):
    """What a browser would send of a form if nobody touched it."""
    form = next(part for part in text.split("<form ")[1:] if f'action="{action}"' in part)
    form = form.partition("</form>")[0]
    fields = {}
    for name, value in FIELD.findall(form):
        if name == "csrf":  # of whoever sends it, not of whoever looked
            continue
        fields.setdefault(name, []).append(value)
    for found in SELECT.finditer(form):
        options = OPTION.findall(found.group(0))
        chosen = next((value for value, selected in options if selected), options[0][0])
        fields.setdefault(found.group(1), []).append(chosen)
    return fields


def terms_of(house, enrolment, version):
    columns = [
        name
        for name in Prescription.__dataclass_fields__
        if name not in {"effective_from", "phases"}
    ]
    row = house.conn.execute(
        f"SELECT {', '.join(columns)} FROM prescription"  # noqa: S608 - names of our own
        " WHERE enrolment_id = %s AND version = %s",
        (enrolment, version),
    ).fetchone()
    phases = house.conn.execute(
        "SELECT from_week, phase, zone_lo, zone_hi, session_min, sessions_per_week, weekly_min"
        " FROM prescription_phase WHERE prescription_id IN ("
        "SELECT id FROM prescription WHERE enrolment_id = %s AND version = %s) ORDER BY from_week",
        (enrolment, version),
    ).fetchall()
    return dict(zip(columns, row, strict=True)), phases


def test_a_form_nobody_touched_writes_the_same_terms_again(doctor, house, whole):
    alert = house.red("p3")
    path = "/patients/p3/prescription"

    form = form_of(doctor.get(f"{path}?alert={alert}").text, path)
    done = doctor.post(path, form)

    assert done.status_code == 303
    assert form["alert"] == [str(alert)]
    assert len(form["phase_from_week"]) == 4
    assert terms_of(house, whole, 2) == terms_of(house, whole, 1)
    assert house.one("SELECT outcome FROM alert WHERE id = %s", alert) == "prescription_adjusted"


def test_what_a_form_does_not_ask_for_is_not_lost(doctor, house, whole):
    """A page that was opened before the program could say more than one zone."""
    old_form = {
        "case": "p3",
        "newest": "1",
        "effective_from": TOMORROW,
        "zone_lo": "41",
        "zone_hi": "60",
        "session_min": "30",
        "sessions_per_week": "3",
        "weekly_min": "90",
        "ceiling_bpm": "146",
    }

    assert doctor.post("/patients/p3/prescription", old_form).status_code == 303

    before, phases = terms_of(house, whole, 1)
    after, phases_after = terms_of(house, whole, 2)
    assert phases_after == phases
    assert after == before | {"zone_lo": 41.0, "zone_hi": 60.0}


def changed(doctor, **changes):
    path = "/patients/p3/prescription"
    form = form_of(doctor.get(path).text, path)
    form |= {name: value if isinstance(value, list) else [value] for name, value in changes.items()}
    return doctor.post(path, form)


NO_PHASES = {"phase_from_week": "", "phase_phase": ""}
NO_AEROBIC = NO_PHASES | dict.fromkeys(
    ("zone_lo", "zone_hi", "session_min", "sessions_per_week", "weekly_min"), ""
)


def test_a_doctor_sets_the_kind_of_intensity(doctor, house, whole):
    written = {"intensity_kind": "rpe", "zone_lo": "11", "zone_hi": "14"} | NO_PHASES

    assert changed(doctor, **written).status_code == 303

    after, phases = terms_of(house, whole, 2)
    assert (after["intensity_kind"], after["zone_lo"], after["zone_hi"]) == ("rpe", 11, 14)
    assert phases == []
    house.conn.execute(
        "UPDATE prescription SET effective = CASE version WHEN 1 THEN daterange(%s, %s)"
        " ELSE daterange(%s, NULL) END WHERE enrolment_id = %s AND version = 1",
        (START, TODAY, TODAY, whole),
    )
    text = doctor.get("/patients/p3").text
    assert "perceived exertion 11-14 (Borg 6-20)" in text


def test_a_doctor_adds_takes_away_and_moves_parts_and_phases(doctor, house, whole):
    answer = changed(
        doctor,
        resistance_per_week="",
        balance_per_week="2",
        balance_min="15",
        steps_per_day="",
        day_adds_up="no",
        phase_from_week=["6", "1", "", ""],
        phase_phase=["hold", "adapt", "", ""],
        phase_zone_lo=["", "", "", ""],
        phase_zone_hi=["", "", "", ""],
        phase_session_min=["40", "20", "", ""],
        phase_sessions_per_week=["", "", "", ""],
        phase_weekly_min=["120", "60", "", ""],
    )

    assert answer.status_code == 303
    after, phases = terms_of(house, whole, 2)
    assert (after["resistance_per_week"], after["resistance_min"], after["rest_days"]) == (
        None,
        None,
        0,
    )
    assert (after["balance_min"], after["steps_per_day"], after["day_adds_up"]) == (15, None, False)
    assert phases == [
        (1, "adapt", None, None, 20, None, 60),
        (6, "hold", None, None, 40, None, 120),
    ]


def test_a_prescription_may_do_without_an_aerobic_part(doctor, house, whole):
    assert changed(doctor, **NO_AEROBIC).status_code == 303

    after, _phases = terms_of(house, whole, 2)
    assert (after["zone_lo"], after["weekly_min"], after["day_adds_up"]) == (None, None, False)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"intensity_kind": "watt"}, "Write a number"),
        ({"intensity_kind": "bpm"} | NO_PHASES | {"zone_hi": "300"}, "within 40 and 220 bpm"),
        ({"intensity_kind": "rpe"} | NO_PHASES, "within 6 and 20"),
        ({"intensity_kind": "rpe", "zone_lo": "11", "zone_hi": "14"}, "within 6 and 20"),
        ({"zone_lo": ""}, "all of its five figures"),
        (
            NO_AEROBIC | {"resistance_per_week": "", "balance_per_week": "", "steps_per_day": ""},
            "Prescribe something",
        ),
        ({"resistance_per_week": "0"}, "1 to 7 days a week"),
        ({"resistance_per_week": "nan"}, "1 to 7 days a week"),
        ({"balance_min": "181"}, "1 to 7 days a week"),
        ({"steps_per_day": "50001"}, "1 to 7 days a week"),
        ({"resistance_per_week": "5"}, "leave no room"),
        ({"rest_days": "7"}, "leave no room"),
        ({"rest_days": "-1"}, "leave no room"),
        ({"rest_days": "1.5"}, "Write a number"),
        ({"phase_from_week": ["1", "1", "", ""]}, "no two the same week"),
        ({"phase_from_week": ["0", "4", "", ""]}, "no two the same week"),
        ({"phase_from_week": ["inf", "4", "", ""]}, "Write a number"),
        ({"phase_phase": ["", "progress", "", ""]}, "needs a name"),
        ({"phase_zone_lo": ["", "71", "", ""]}, "lower end must be below"),
        ({"phase_session_min": ["200", "", "", ""]}, "5 to 180 minutes"),
        ({"phase_zone_hi": ["", "90", "", ""]}, "The ceiling must lie above"),
    ],
)
def test_terms_that_cannot_be_meant_are_said_to_be_so(doctor, house, whole, wrong, words):
    answer = changed(doctor, **wrong)

    assert answer.status_code == 422
    assert words in answer.text.partition('role="alert"')[2][:300]
    assert house.one("SELECT max(version) FROM prescription WHERE enrolment_id = %s", whole) == 1


def test_a_patients_page_shows_kind_phases_and_parts(doctor, whole):
    text = " ".join(doctor.get("/patients/p3").text.split())

    for words in (
        "40.2-66.7 % of heart-rate reserve",
        "100-127 bpm",
        "the bouts of a day add up to a session",
        "from week 1",
        "from week 4",
        "45-70.5 % of heart-rate reserve",
        "2 days a week, 20 min each, 1 days of rest between",
        "3 days a week",
        "6,500 a day",
    ):
        assert words in text
    assert text.count('<span class="flag">now</span>') == 1
    assert text.index("from week 1") < text.index('<span class="flag">now</span>')


def test_the_zone_of_a_trace_is_the_one_of_that_days_phase(doctor, house, whole):
    house.conn.execute("UPDATE prescription_phase SET from_week = 2 WHERE from_week = 4")
    first, second = START + timedelta(days=1), START + timedelta(days=8)

    assert "target 100-127" in doctor.get(f"/patients/p3?day={first}").text
    assert "target 105-130" in doctor.get(f"/patients/p3?day={second}").text


def test_weeks_show_each_part_and_why_names_what_held_them_back(doctor, house, whole):
    house.log("p3", START + timedelta(days=1), minutes=30)
    house.log("p3", START + timedelta(days=2), minutes=30)
    house.log("p3", START + timedelta(days=3), "balance", minutes=5)
    recompute(house.conn, through=TODAY)

    page = doctor.get("/patients/p3").text
    why = doctor.get(f"/patients/p3/weeks/{START}").text

    assert "resistance training 50%" in page
    assert "balance training 33.3%" in page
    assert "0 / 3" in page
    assert "/ 60</td>" in page  # minutes asked in the first phase
    assert "Held back by:" in why
    held = why.partition("Held back by:")[2].partition("</p>")[0]
    assert [word in held for word in ("aerobic", "steps", "balance", "resistance")] == [True] * 4
    assert "too soon after the session before" in why
    assert why.count("✓ counts") == 2


ENTRY = {
    "case": "p3",
    "entry_key": "a key of the form",
    "date": (TODAY - timedelta(days=1)).isoformat(),
    "component": "resistance",
    "attended": "yes",
    "minutes": "25",
    "rpe": "13",
    "supervised_by": "coach",
}


@pytest.fixture
def coach(browsers, conn):
    return browsers().enter(conn, "coach")


def entry_path(house):
    entry_id = house.one("SELECT id FROM session_log WHERE revision = 1")
    return f"/patients/p3/sessions/{entry_id}"


def test_an_instructor_writes_a_session_and_the_doctor_reads_it(doctor, coach, house, whole):
    path = "/patients/p3/sessions"
    form = form_of(coach.get(path).text, path)
    assert form["supervised_by"] == ["coach"]
    said = form | {name: [value] for name, value in ENTRY.items() if name != "entry_key"}

    first, again = coach.post(path, said), coach.post(path, said)

    assert (first.status_code, again.status_code) == (303, 303)
    assert house.conn.execute(
        "SELECT date, component, minutes, rpe, attended FROM logged_session"
    ).fetchall() == [(TODAY - timedelta(days=1), "resistance", 25, 13, True)]
    text = doctor.get(first.headers["location"]).text
    assert text.count("Name of coach") >= 2
    assert ("coach", "note_session", "p3") in house.trail("note_session")
    assert house.one("SELECT noted_by = supervised_by FROM session_log") is True


def test_a_form_from_elsewhere_writes_nothing(coach, house, whole):
    assert coach.post("/patients/p3/sessions", ENTRY, csrf="forged").status_code == 403
    assert (
        coach.post("/patients/p3/sessions", ENTRY, origin="http://evil.example").status_code == 403
    )
    assert house.one("SELECT count(*) FROM session_log") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": (TODAY + timedelta(days=1)).isoformat()},
        {"date": (START - timedelta(days=1)).isoformat()},
        {"date": "yesterday"},
        {"component": "steps"},
        {"component": ""},
        {"minutes": "0"},
        {"minutes": "nan"},
        {"minutes": "long"},
        {"rpe": "5"},
        {"rpe": "inf"},
        {"attended": "no"},
        {"supervised_by": "d2"},
    ],
)
def test_a_session_that_cannot_be_meant_is_not_written(coach, house, whole, wrong):
    answer = coach.post("/patients/p3/sessions", ENTRY | wrong)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert 'value="a key of the form"' in answer.text
    assert house.one("SELECT count(*) FROM session_log") == 0


def test_a_form_sent_again_with_other_words_changes_nothing(coach, house, whole):
    coach.post("/patients/p3/sessions", ENTRY)

    answer = coach.post("/patients/p3/sessions", ENTRY | {"minutes": "50"})

    assert answer.status_code == 422
    assert "sent before" in answer.text
    assert house.one("SELECT minutes FROM logged_session") == 25


def test_who_did_not_come_is_noted_too(coach, house, whole):
    absent = {"attended": "no", "minutes": "", "rpe": "", "supervised_by": ""}

    assert coach.post("/patients/p3/sessions", ENTRY | absent).status_code == 303
    assert house.one("SELECT attended FROM logged_session") is False
    assert "did not come" in coach.get("/patients/p3/sessions").text


def test_an_entry_is_corrected_with_a_reason_and_what_was_said_stays(doctor, coach, house, whole):
    coach.post("/patients/p3/sessions", ENTRY)
    path = entry_path(house)
    form = form_of(doctor.get(path).text, path) | {"act": ["correct"], "minutes": ["35"]}

    bare = doctor.post(path, form)
    done = doctor.post(path, form | {"reason": ["ten minutes more"]})
    late = coach.post(path, form | {"reason": ["no, less"], "minutes": ["20"]})

    assert (bare.status_code, done.status_code, late.status_code) == (422, 303, 422)
    assert "corrected this entry meanwhile" in late.text
    assert house.one("SELECT minutes FROM logged_session") == 35
    text = doctor.get(path).text
    assert "ten minutes more" in text
    assert '<td class="n">25</td>' in text
    assert house.trail("correct_session") == [("d1", "correct_session", "p3")]


def test_an_entry_is_taken_back_and_still_to_be_seen(doctor, coach, house, whole):
    coach.post("/patients/p3/sessions", ENTRY)
    path = entry_path(house)

    done = doctor.post(path, {"act": "withdraw", "newest": "1", "reason": "another person"})

    assert done.status_code == 303
    assert house.one("SELECT count(*) FROM logged_session") == 0
    assert "taken back" in coach.get("/patients/p3/sessions").text


def test_whatever_is_written_is_shown_and_does_nothing(coach, house, whole):
    coach.post("/patients/p3/sessions", ENTRY)
    path = entry_path(house)
    coach.post(path, {"act": "withdraw", "newest": "1", "reason": "<script>alert(1)</script>"})

    for page in (path, "/patients/p3/sessions"):
        assert "<script>" not in coach.get(page).text
        assert "&lt;script&gt;" in coach.get(page).text


def test_pages_of_a_programme_without_an_aerobic_part_stand(doctor, house, whole):
    house.conn.execute("DELETE FROM prescription_phase")
    house.conn.execute(
        "UPDATE prescription SET zone_lo = NULL, zone_hi = NULL, session_min = NULL,"
        " sessions_per_week = NULL, weekly_min = NULL, day_adds_up = false,"
        " hr_max_bpm = NULL, rest_hr_bpm = NULL WHERE enrolment_id = %s",
        (whole,),
    )
    recompute(house.conn, through=TODAY)

    for path in ("/", "/patients", "/patients/p3", f"/patients/p3/weeks/{START}"):
        assert doctor.get(path).status_code == 200
    assert "not prescribed" in doctor.get("/patients/p3").text
    assert date.fromisoformat(TOMORROW) > START
    assert CSRF.search(doctor.get("/patients/p3/prescription").text)
