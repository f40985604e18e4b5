"""What a doctor sees, and what is done from there."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from config.schemes import SCHEMES_DIR, load_scheme
from reports.nightly.recompute import recompute
from reports.payment.store import evaluate_due
from tests.pages import MONDAY

SCHEME = SCHEMES_DIR / "base_performance_s1.toml"

TODAY = datetime.now(ZoneInfo("Asia/Shanghai")).date()
TERMS = {
    "case": "p1",
    "newest": "1",
    "effective_from": (TODAY + timedelta(days=1)).isoformat(),
    "zone_lo": "45",
    "zone_hi": "60",
    "session_min": "25",
    "sessions_per_week": "3",
    "weekly_min": "75",
    "ceiling_bpm": "140",
}


def test_an_empty_list_says_so(doctor):
    assert "Nothing waits for you" in doctor.get("/").text


def test_red_stands_first_with_its_counts(doctor, house):
    blue = house.blue("p1")
    red = house.red("p2")

    text = doctor.get("/").text

    assert text.index(f'id="alert-{red}"') < text.index(f'id="alert-{blue}"')
    assert '<b class="count-red">1</b>' in text
    assert '<b class="count-blue">1</b>' in text
    assert "Heart rate up to 161, ceiling 150 bpm" in text
    assert "Week of 9 Nov far below the prescription" in text


def test_names_are_masked_until_they_are_asked_for(doctor, house):
    house.red("p2")
    assert "张**" in doctor.get("/").text

    doctor.post("/names", {"shown": "yes", "next": "/patients"})

    assert "张𠮷祥" in doctor.get("/").text
    assert house.trail("show_names") == [("d1", "show_names", "session")]


def test_whatever_stands_in_a_name_is_shown_and_does_nothing(doctor, house):
    house.name("p1", "<script>alert(1)</script>'\"&")
    house.red()
    doctor.post("/names", {"shown": "yes"})

    for path in ("/", "/patients", "/patients/p1"):
        assert "<script>" not in doctor.get(path).text


def test_the_list_looks_again_by_itself_until_it_is_held(doctor):
    assert '<meta http-equiv="refresh" content="2; url=/?auto=1">' in doctor.get("/").text
    assert "http-equiv" not in doctor.get("/?paused=1").text


def test_a_silent_watch_is_said_on_the_list(doctor, conn):
    assert "The alert watch has not run" in doctor.get("/").text
    conn.execute("INSERT INTO watch_beat (started_at, beat_at) VALUES (now(), now())")
    assert "alert watch" not in doctor.get("/").text
    conn.execute("UPDATE watch_beat SET beat_at = now() - interval '1 hour'")
    assert "The alert watch has been silent" in doctor.get("/").text


def test_a_message_nobody_got_is_said_on_the_list(doctor, house):
    alert = house.red()
    house.conn.execute(
        "INSERT INTO delivery (alert_id, round, step, channel, recipient, state)"
        " VALUES (%s, 0, 0, 'mail', 'd1@example.org', 'refused')",
        (alert,),
    )

    assert "not delivered: 1" in doctor.get("/").text


def test_the_heads_of_the_list_count_who_came_and_what_is_complete(doctor, house):
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    house.hear("p1", heart_rate=[(now_ms - 1000, 90.0)])
    house.hear("p2", heart_rate=[(now_ms - 1000, 90.0)], stamps=[now_ms - 1000])

    text = doctor.get("/").text

    assert "<b>1 / 2</b>" in text  # p2 was remembered by the band, not heard here
    assert "<b>1 / 1</b>" in text


def test_a_patients_page_shows_trace_zone_ceiling_weeks_and_terms(doctor, house):
    house.exercise()
    house.week()

    text = doctor.get("/patients/p1?day=2026-11-11").text

    assert text.count('class="pulse"') == 2  # the gap is a gap
    assert "target 100-145" in text
    assert "ceiling 150" in text
    assert "not met" in text
    assert "3 sessions a week" in text
    assert "formula by age" in text
    assert "<td>10:00</td>" in text  # the same in numbers


def test_a_day_without_data_and_a_day_that_is_none(doctor):
    assert "No readings." in doctor.get("/patients/p1?day=2020-01-01").text
    assert doctor.get("/patients/p1?day=yesterday").status_code == 404


def test_under_a_beta_blocker_it_says_to_go_by_exertion(doctor):
    assert "go by perceived exertion" in doctor.get("/patients/p2").text


def test_a_week_stands_beside_what_was_asked_in_it_whatever_is_asked_by_now(doctor, house):
    house.week()
    house.red()
    house.conn.execute(
        "UPDATE prescription SET effective = daterange(lower(effective), '2026-11-16')"
        " WHERE enrolment_id = %s",
        (house.enrolment,),
    )
    house.prescribe(house.enrolment, date(2026, 11, 16), version=2, sessions_per_week=5.0)

    for path in ("/", "/patients"):
        assert ">1 / 3<" in doctor.get(path).text

    other = house.enrol(house.patient("p1"), "p1 at the pool", date(2026, 11, 2))
    house.prescribe(other, date(2026, 11, 2), sessions_per_week=2.0)
    house.conn.execute(
        "INSERT INTO week SELECT (jsonb_populate_record(w, to_jsonb(w) || jsonb_build_object("
        "'enrolment_id', %s::integer, 'adherence_pct', 10))).* FROM week AS w",
        (other,),
    )
    assert "10%" in doctor.get("/patients").text


def test_a_week_far_above_the_zone_is_not_taken_for_idleness(doctor, house):
    house.week()
    house.blue()
    assert "above the zone" not in doctor.get("/").text

    house.conn.execute("UPDATE week SET above_min = 138")

    assert "above the zone 138 min" in doctor.get("/").text


def test_a_week_nobody_can_judge_has_no_rate(doctor, house):
    house.week(state="cannot_judge", reason="no_figures", pct=41.0)

    for path in ("/patients", "/patients/p1", f"/patients/p1/weeks/{MONDAY}"):
        assert "41%" not in doctor.get(path).text, path


def test_what_is_below_the_pass_mark_is_not_shown_at_it(doctor, house):
    house.week(pct=79.97)

    for path in ("/patients", "/patients/p1", f"/patients/p1/weeks/{MONDAY}"):
        text = doctor.get(path).text
        assert "79.9%" in text, path
        assert "80%" not in text, path


def test_why_goes_down_to_every_minute(doctor, house):
    house.exercise()
    recompute(house.conn, through=date(2026, 11, 15))

    text = doctor.get(f"/patients/p1/weeks/{MONDAY}?day=2026-11-11").text

    assert text.count('class="trace"') == 7
    assert "credited" in text
    assert "<td>10:05</td>" in text
    assert "Every minute of 11 Nov 2026" in text
    assert doctor.get("/patients/p1/weeks/2020-01-06").status_code == 404


def test_an_alert_says_why_it_was_raised(doctor, house):
    alert = house.red()

    text = doctor.get(f"/alerts/{alert}").text

    assert "at least 3 readings in a row" in text
    assert "version 1" in text
    assert "prescription version 1" in text
    assert "161 bpm" in text


def test_the_first_to_take_an_alert_has_it(doctor, browsers, conn, house):
    alert = house.red()
    coach = browsers().enter(conn, "coach")

    taken = doctor.post(f"/alerts/{alert}/acknowledge", {"next": "/"})
    coach.post(f"/alerts/{alert}/acknowledge")

    assert taken.headers["location"] == "/"
    assert "Name of coach" not in doctor.get("/").text
    who = house.one(
        "SELECT code FROM alert JOIN staff ON staff.id = acknowledged_by WHERE alert.id = %s", alert
    )
    assert who == "d1"
    assert house.trail("alert_acknowledged") == [("d1", "alert_acknowledged", "p1")]


def test_an_alert_closes_with_an_outcome_and_where_it_is_asked_a_reason(doctor, house):
    for outcome in ("called", "referred", "false_alarm", "no_action"):
        alert = house.red()
        needs_reason = outcome in {"false_alarm", "no_action"}
        said = {"outcome": outcome, "reason": "strap slipped"}

        bare = doctor.post(f"/alerts/{alert}/close", {"outcome": outcome})
        given = doctor.post(f"/alerts/{alert}/close", said)

        assert bare.status_code == (422 if needs_reason else 303)
        assert given.status_code == (303 if needs_reason else 409)
        assert house.one("SELECT outcome FROM alert WHERE id = %s", alert) == outcome
    assert "Nothing waits for you" in doctor.get("/").text


def test_an_unknown_outcome_closes_nothing(doctor, house):
    alert = house.red()

    assert doctor.post(f"/alerts/{alert}/close", {"outcome": "forgotten"}).status_code == 422
    assert house.one("SELECT state FROM alert WHERE id = %s", alert) == "open"


def test_an_adjusted_prescription_is_a_new_version_and_closes_its_alert(doctor, house):
    alert = house.red()

    typed = {"outcome": "prescription_adjusted", "reason": "dizzy <after> walking"}
    answer = doctor.post(f"/alerts/{alert}/close", typed)
    form = answer.text
    done = doctor.post("/patients/p1/prescription", TERMS | {"alert": str(alert)})

    assert answer.status_code == 200
    assert "dizzy &lt;after&gt; walking</textarea>" in form
    assert f'name="alert" value="{alert}"' in form
    assert "dizzy" not in str(answer.url)
    assert 'name="ceiling_bpm" min="60" max="220" step="any" value="150"' in form
    assert done.headers["location"] == "/patients/p1"
    assert house.conn.execute(
        "SELECT version, lower(effective), upper(effective), zone_lo, session_min, ceiling_bpm,"
        " ceiling_source, hr_max_bpm FROM prescription WHERE enrolment_id = %s ORDER BY version",
        (house.enrolment,),
    ).fetchall() == [
        (1, date(2026, 11, 2), TODAY + timedelta(days=1), 40, 30, 150, "default", 160),
        (2, TODAY + timedelta(days=1), None, 45, 25, 140, "prescribed", 160),
    ]
    assert house.one("SELECT outcome FROM alert WHERE id = %s", alert) == "prescription_adjusted"
    assert [row[1] for row in house.trail()][-2:] == ["alert_closed", "prescribe"]


WRONG = (
    {"zone_lo": "60"},
    {"zone_hi": "101"},
    {"zone_lo": "nan"},
    {"session_min": ""},
    {"weekly_min": "inf"},
    {"sessions_per_week": "0"},
    {"ceiling_bpm": "90"},
    {"ceiling_bpm": "221"},
    {"effective_from": TODAY.isoformat()},
    {"effective_from": "soon"},
    {"newest": "7"},
)


def test_terms_that_cannot_be_meant_write_nothing(doctor, house):
    alert = house.red()

    for wrong in WRONG:
        answer = doctor.post("/patients/p1/prescription", TERMS | wrong | {"alert": str(alert)})

        assert answer.status_code == 422, wrong
        assert 'role="alert"' in answer.text
    assert house.one("SELECT max(version) FROM prescription") == 1
    assert house.one("SELECT state FROM alert WHERE id = %s", alert) == "open"


def test_a_prescription_is_not_written_where_its_alert_is_closed_already(doctor, house):
    alert = house.red()
    doctor.post(f"/alerts/{alert}/close", {"outcome": "called"})

    answer = doctor.post("/patients/p1/prescription", TERMS | {"alert": str(alert)})

    assert answer.status_code == 422
    assert house.one("SELECT max(version) FROM prescription") == 1


def test_an_administrator_makes_an_account_and_hands_out_its_link(browsers, conn, house):
    boss, new = browsers().enter(conn, "boss"), browsers()

    made = boss.post(
        "/staff",
        {
            "code": "d3",
            "name": "欧阳静",
            "role": "family_doctor",
            "organisation": "c1",
            "email": "d3@example.org",
        },
    )
    link = made.text.split("<code>")[1].split("</code>")[0]
    path = "/enter/" + link.rpartition("/")[2]

    assert "Name of d3" not in made.text
    assert new.get(path).status_code == 200
    assert house.one("SELECT email FROM staff WHERE code = 'd3'") == "d3@example.org"
    again = boss.post("/staff", {"code": "d3", "name": "x", "role": "payer", "organisation": "c1"})
    assert "another person" in again.text


def test_an_administrator_forms_a_care_team(browser, conn, house):
    browser.enter(conn, "boss")

    browser.post("/staff/team", {"code": "physio", "patient": "p2", "act": "join"})
    payer = browser.post("/staff/team", {"code": "payer", "patient": "p2", "act": "join"})
    unknown = browser.post("/staff/team", {"code": "physio", "patient": "p9", "act": "join"})

    assert (payer.status_code, unknown.status_code) == (422, 422)
    assert house.trail("join_care_team") == [("boss", "join_care_team", "p2")]
    browser.post("/staff/team", {"code": "physio", "patient": "p2", "act": "leave"})
    assert house.one("SELECT count(*) FROM care_team") == 1


def test_an_administrator_shuts_a_person_out_but_not_the_last_administrator(browsers, conn, house):
    boss, doctor = browsers().enter(conn, "boss"), browsers().enter(conn, "d1")

    boss.post("/staff/disable", {"code": "d1"})
    last = boss.post("/staff/disable", {"code": "boss"})

    assert doctor.get("/").status_code == 303
    assert last.status_code == 422
    boss.post("/staff/enable", {"code": "d1"})
    assert house.one("SELECT count(*) FROM login WHERE disabled_at IS NOT NULL") == 0


def test_the_payer_sees_each_line_what_it_counts_and_who_signed_for_it(browsers, conn, house):
    house.wear("p9", mode="site")
    through = date(2026, 11, 29)
    recompute(conn, through=through)
    evaluate_due(conn, [load_scheme(SCHEME)], through)
    payer = browsers().enter(conn, "payer")
    unsigned = payer.get("/payment").text
    evaluate_due(conn, [load_scheme(SCHEME, sign_off="DEMO")], through)

    text = payer.get("/payment?month=2026-11").text

    assert "DEMO" in text
    assert "DEMO" not in unsigned
    assert "not closed" in text
    assert "4 / 4<small>Weeks judged / over</small>" in text
    assert "0 / 4<small>Weeks met / judged</small>" in text
    assert "¥120.00" in text
    assert "¥0.00" in unsigned
    assert payer.get("/payment?month=1999-01").status_code == 200
    auditor = browsers().enter(conn, "auditor")
    replaced = auditor.get("/audit?action=payment_line_replaced").text
    assert "state shown, not paid, amount 120.00" in replaced
    assert "state payable, amount 120.00" in replaced


def test_the_auditor_finds_what_was_done_to_whom(browsers, conn, house):
    doctor, auditor = browsers().enter(conn, "d1"), browsers().enter(conn, "auditor")
    doctor.get("/patients/p1")
    doctor.get("/patients/p2")

    text = auditor.get("/audit?subject=p1").text

    assert "<td>p1</td>" in text
    assert "<td>p2</td>" not in text


def test_a_week_whose_readings_left_the_database_does_not_look_like_one_without(doctor, house):
    house.week()
    paths = (f"/patients/p1/weeks/{MONDAY}", f"/patients/p1?day={MONDAY}")
    words = "no longer in the database"
    before = [words in doctor.get(path).text for path in paths]
    house.conn.execute("INSERT INTO dropped_day (day, is_exported) VALUES (%s, true)", (MONDAY,))

    pages = [doctor.get(path).text for path in paths]

    assert before == [False, False]
    assert [words in page for page in pages] == [True, True]
    assert "the next night brings the figures in line" not in pages[0]
