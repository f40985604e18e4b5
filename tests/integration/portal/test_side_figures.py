"""Side figures on the pages: said to be no part of adherence, and for the care team alone."""

from datetime import date, timedelta

from config.schemes import SCHEMES_DIR, load_scheme
from reports.nightly.recompute import recompute
from reports.payment.store import evaluate_due
from tests.district import every, local_ms
from tests.pages import MONDAY

SUNDAY = MONDAY + timedelta(days=6)
HEADING = "Side figures: not part of adherence"
MINUTE = 60_000
SCHEME = SCHEMES_DIR / "base_performance_s1.toml"


def rested(house, day, bpm):
    start = local_ms(f"{day} 00:10:00")
    house.hear("p1", heart_rate=every(start, start + 620 * MINUTE, bpm, step_ms=MINUTE))


def section(text):
    return text.partition(HEADING)[2].partition("</section>")[0]


def test_weeks_stand_with_load_zones_and_drift_and_the_source_of_each(doctor, house):
    for number in range(7):
        rested(house, date(2026, 11, 2) + timedelta(days=number), 60)
    rested(house, MONDAY, 64)
    house.exercise()  # at 120 and 122: in the moderate part, and then some
    recompute(house.conn, through=SUNDAY)

    for path in ("/patients/p1", f"/patients/p1/weeks/{MONDAY}"):
        text = section(doctor.get(path).text)
        assert "no state, no payment and no alert rests on them" in text
        assert "+4<small>own baseline 60 (days: 7)</small>" in text
        assert "64<small>days: 1</small>" in text
        assert "Banister 1991" in text
        assert "Quer 2020" in text
        assert "WHO 2020" in text
        assert "trimp_factor_women = 0.86 1/min" in text
    trimp, over = house.conn.execute(
        "SELECT trimp, over_ceiling_min FROM side_week WHERE week = %s AND enrolment_id = %s",
        (MONDAY, house.enrolment),
    ).fetchone()
    assert f'<td class="n">{trimp:.0f}</td><td class="n">{over:.1f}</td>' in section(
        doctor.get("/patients/p1").text
    )


def test_a_week_without_a_baseline_says_so_and_no_zero(doctor, house):
    rested(house, MONDAY, 64)
    recompute(house.conn, through=SUNDAY)

    text = section(doctor.get(f"/patients/p1/weeks/{MONDAY}").text)

    assert "–<small>no baseline yet (days: 0)</small>" in text


def test_a_patient_without_a_week_has_the_table_empty(doctor):
    assert "No week has been computed yet." in section(doctor.get("/patients/p1").text)


def test_the_payer_and_the_auditor_see_none_of_it(browsers, conn, house):
    house.exercise()
    recompute(house.conn, through=SUNDAY)

    evaluate_due(conn, [load_scheme(SCHEME, sign_off="DEMO")], date(2026, 11, 30))

    for code in ("payer", "auditor"):
        browser = browsers().enter(conn, code)
        assert "p1" in browser.get("/payment?month=2026-11").text
        for word in ("Side figures", "Training impulse", "TRIMP", "baseline"):
            assert word not in browser.get("/payment?month=2026-11").text
        assert browser.get("/patients/p1").status_code == 404
        assert browser.get(f"/patients/p1/weeks/{MONDAY}").status_code == 404


def test_the_days_of_a_week_show_their_steps_beside_those_prescribed(doctor, house):
    house.conn.execute("UPDATE prescription SET steps_per_day = 3000")
    ten = local_ms(f"{MONDAY} 10:00:00")
    house.hear("p1", steps=[(ten + n * MINUTE, 100) for n in range(31)])
    house.hear("p1", steps=[(ten + (24 * 60 + n) * MINUTE, 100) for n in range(29)])
    recompute(house.conn, through=SUNDAY)

    text = doctor.get(f"/patients/p1/weeks/{MONDAY}").text

    assert '<span class="state met">✓ 3,100</span>' in text
    assert '<td class="n">2,900</td>' in text
    assert "3,000 steps a day are prescribed." in text


def test_the_newest_logged_sessions_stand_on_the_patients_page(doctor, house):
    today = date.today()  # noqa: DTZ011 - a day within the weeks shown
    house.log("p1", today - timedelta(days=3), minutes=25.0, rpe=13.0)

    text = doctor.get("/patients/p1").text

    logged = text.partition("Logged sessions")[2].partition("</section>")[0]
    assert ">resistance training<" in logged
    assert '<td class="n">25</td><td class="n">13</td>' in logged
