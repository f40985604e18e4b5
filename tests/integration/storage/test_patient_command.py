"""`adhere patient`, as an operator types it: from an empty district to a patient's records."""

import json

import psycopg
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from config.errors import Misconfigured, Rejected
from scripts.commands.patient import app
from storage.audit import at_terminal, entries
from storage.people import put_organisation, put_staff

DAY = "2026-11-02"


@pytest.fixture
def adhere(database, monkeypatch):
    monkeypatch.setenv("ADHERE_DATABASE_DSN", database)

    def run(*words, typed=None):
        with capture_logs():  # of the login, which is a superuser here
            return CliRunner().invoke(app, words, input=typed)

    return run


@pytest.fixture
def house(conn):
    put_organisation(conn, kind="district", code="d", name="District")
    put_organisation(conn, kind="centre", code="c1", name="Centre one", parent="d")
    put_staff(conn, organisation="d", code="li", role="family_doctor", name="Doctor")
    put_staff(conn, organisation="d", code="boss", role="administrator", name="Boss")


def entered_twice(adhere, *words, typed=None):
    """Type a line twice: it is written once."""
    first, again = adhere(*words, typed=typed), adhere(*words, typed=typed)
    assert first.exit_code == 0, first.exception
    assert first.stdout.endswith(": written.\n")
    assert again.exit_code == 0, again.exception
    assert again.stdout.endswith(": it stands so already.\n")
    echo = f"Type it in: {typed}"  # the runner shows what is typed, as a terminal does
    return (first.output + again.output).replace(echo, "")


def test_a_centre_belongs_to_the_only_district(adhere, conn):
    assert isinstance(adhere("centre", "c1", "--name", "One").exception, Misconfigured)

    entered_twice(adhere, "district", "d", "--name", "District")
    entered_twice(adhere, "centre", "c1", "--name", "陆家嘴")

    assert conn.execute(
        "SELECT c.kind, c.code, c.name, d.kind, d.code, d.name"
        " FROM organisation c JOIN organisation d ON d.id = c.parent_id"
    ).fetchall() == [("centre", "c1", "陆家嘴", "district", "d", "District")]
    assert [(one.action, one.subject) for one in entries(conn)] == [
        ("put_organisation", "c1"),
        ("put_organisation", "d"),
    ]

    refused = adhere("centre", "d", "--name", "One").exception
    assert isinstance(refused, Misconfigured)  # it stays a district
    assert adhere("district", "d2", "--name", "Second").exit_code == 0
    several = adhere("centre", "c2", "--name", "Two")
    assert "d, d2" in str(several.exception)
    assert adhere("centre", "c2", "--name", "Two", "--district", "d2").exit_code == 0


def test_a_patient_moves_and_keeps_the_name(adhere, conn, house):
    put_organisation(conn, kind="centre", code="c2", name="Centre two", parent="d")
    said = entered_twice(
        adhere, "add", "p1", "--centre", "c1", "--doctor", "li", "--name", "-", typed="Wang Fang\n"
    )
    entered_twice(adhere, "add", "p1", "--centre", "c2", "--doctor", "li")

    assert conn.execute(
        "SELECT patient.name, code FROM patient JOIN organisation ON organisation.id = centre_id"
    ).fetchall() == [("Wang Fang", "c2")]
    assert [one.action for one in entries(conn)] == ["put_patient", "put_patient"]
    assert len(conn.execute("TABLE patient_centre").fetchall()) == 2
    entered_twice(adhere, "add", "p1", "--centre", "c2", "--doctor", "li", "--since", "always")
    assert len(conn.execute("TABLE patient_centre").fetchall()) == 1
    assert entries(conn)[0].detail["since"] == "always"
    assert "Wang" not in said + str([one.detail for one in entries(conn)])


def test_records_are_entered_once_and_shown(adhere, conn, house):
    adhere("add", "p1", "--centre", "c1", "--doctor", "li")
    assert adhere("show", "p1").stdout == "There are none.\n"

    said = entered_twice(adhere, "consent", "p1", "payer", "--version", "v1", "--on", DAY)
    said += entered_twice(
        adhere, "consent", "p1", "payer", "--version", "v1", "--on", "2026-11-03", "--withdraw"
    )
    said += entered_twice(
        adhere, "risk", "p1", "-", "--method", "PAR-Q+", "--on", DAY, typed="high\n"
    )
    said += entered_twice(
        adhere, "outcome", "p1", "systolic_mmhg", "-", "--on", DAY, typed="137.5\n"
    )

    assert json.loads(adhere("show", "p1", "--json").stdout) == {
        "consents": [
            {"purpose": "payer", "version": "v1", "given_on": DAY, "withdrawn_on": "2026-11-03"}
        ],
        "risks": [{"level": "high", "method": "PAR-Q+", "assessed_on": DAY, "corrections": 0}],
        "outcomes": [
            {"kind": "systolic_mmhg", "value": 137.5, "measured_on": DAY, "corrections": 0}
        ],
    }
    assert adhere("show", "p1").stdout.splitlines() == [
        "consent payer, text v1, given on 2026-11-02, withdrawn on 2026-11-03",
        "risk high on 2026-11-02, by PAR-Q+",
        "systolic_mmhg 137.5 2026-11-02",
    ]
    trail = entries(conn)
    assert [(one.actor, one.action, one.subject) for one in reversed(trail)] == [
        (at_terminal(), action, "p1")
        for action in (
            "put_patient", "read_records", "put_consent", "withdraw_consent", "put_risk",
            "put_outcome", "read_records", "read_records",
        )
    ]  # fmt: skip
    outside = said + str([one.detail for one in trail])
    assert "137" not in outside
    assert "high" not in outside


def test_a_consent_is_given_again_after_it_was_withdrawn(adhere, conn, house):
    adhere("add", "p1", "--centre", "c1", "--doctor", "li")
    given = ("consent", "p1", "payer", "--version", "v1", "--on")
    first, between, last, after = (f"2026-09-{day}" for day in ("01", "05", "10", "12"))
    entered_twice(adhere, *given, first)
    standing = adhere(*given, between)
    entered_twice(adhere, *given, last, "--withdraw")

    # Of a day on which it held, or the one it was given on, nothing new is said.
    refused = [adhere(*given, day) for day in (first, between)]
    entered_twice(adhere, *given, after)
    refused += [adhere(*given, day, "--withdraw") for day in (first, between)]
    assert adhere(*given, last, "--withdraw").stdout.endswith(": it stands so already.\n")

    assert "withdraw that first" in str(standing.exception)
    for run in (standing, *refused):
        assert isinstance(run.exception, Misconfigured), run.output
    assert json.loads(adhere("show", "p1", "--json").stdout)["consents"] == [
        {"purpose": "payer", "version": "v1", "given_on": first, "withdrawn_on": last},
        {"purpose": "payer", "version": "v1", "given_on": after, "withdrawn_on": None},
    ]


def test_not_two_consents_by_one_text_hold_at_a_time(conn, house, adhere):
    adhere("add", "p1", "--centre", "c1", "--doctor", "li")
    row = (
        "INSERT INTO consent (patient_id, purpose, text_version, given_on, withdrawn_on)"
        " SELECT id, 'payer', 'v1', %s, %s FROM patient"
    )
    conn.execute(row, ("2026-09-01", "2026-09-10"))
    for given_on, withdrawn_on in (("2026-08-01", None), ("2026-09-09", "2026-09-12")):
        with pytest.raises(psycopg.errors.ExclusionViolation):
            conn.execute(row, (given_on, withdrawn_on))
    conn.execute(row, ("2026-09-10", None))


def test_what_was_mistyped_is_corrected_and_kept(adhere, conn, house):
    adhere("add", "p1", "--centre", "c1", "--doctor", "li")
    risk = ("risk", "p1", "low", "--method", "PAR-Q+", "--on", DAY)
    weight = ("outcome", "p1", "weight_kg")
    nothing = [adhere(*risk, "--correct"), adhere(*weight, "61", "--on", DAY, "--correct")]
    entered_twice(adhere, "risk", "p1", "high", *risk[3:])
    entered_twice(adhere, *weight, "615", "--on", DAY)
    another = [adhere(*risk), adhere(*weight, "61.5", "--on", DAY)]

    entered_twice(adhere, *risk, "--correct")
    entered_twice(adhere, *weight, "61.5", "--on", DAY, "--correct")

    for run in (*nothing, *another, adhere("risk", "p1", "high", *risk[3:])):
        assert isinstance(run.exception, Misconfigured), run.output
    assert adhere("show", "p1").stdout.splitlines() == [
        "risk low on 2026-11-02, by PAR-Q+, corrected",
        "weight_kg 61.5 2026-11-02, corrected",
    ]
    kept = "SELECT {} FROM {} ORDER BY revision"
    assert conn.execute(kept.format("value", "outcome")).fetchall() == [(615,), (61.5,)]
    assert conn.execute(kept.format("level", "risk_assessment")).fetchall() == [("high",), ("low",)]
    assert [one.action for one in entries(conn, action="correct_risk")] == ["correct_risk"]
    assert "615" not in str([one.detail for one in entries(conn)])


def test_what_was_entered_for_the_wrong_person_is_taken_back(adhere, conn, house):
    adhere("add", "p1", "--centre", "c1", "--doctor", "li")
    weight = ("outcome", "p1", "weight_kg", "61.5", "--on", DAY)
    adhere("risk", "p1", "low", "--method", "PAR-Q+", "--on", DAY)
    adhere(*weight)

    entered_twice(adhere, "take-back", "p1", "risk", "--method", "PAR-Q+", "--on", DAY)
    entered_twice(adhere, "take-back", "p1", "weight_kg", "--on", DAY)

    assert adhere("show", "p1").stdout == "There are none.\n"
    # What enters a day again from a list does not bring it back; a correction does.
    assert isinstance(adhere(*weight).exception, Misconfigured)
    entered_twice(adhere, *weight, "--correct")
    assert [one.action for one in entries(conn, action="take_record_back")] == [
        "take_record_back"
    ] * 2


REFUSED = {
    "take-back p1 weight_kg --on 2026-11-02": Misconfigured,
    "take-back p1 risk --on 2026-11-02": Misconfigured,
    "take-back p1 weight_kg --method PAR-Q+ --on 2026-11-02": Misconfigured,
    "take-back p1 mood --on 2026-11-02": Misconfigured,
    "outcome p1 weight_kg 61616 --on 2026-11-02 --correct": Rejected,
    "add p2 --centre d --doctor li": Misconfigured,
    "add p2 --centre c9 --doctor li": Misconfigured,
    "add p2 --centre c1 --doctor boss": Misconfigured,
    "consent nobody payer --version v1 --on 2026-11-02": Misconfigured,
    "risk nobody low --method PAR-Q+ --on 2026-11-02": Misconfigured,
    "outcome nobody weight_kg 61 --on 2026-11-02": Misconfigured,
    "show nobody": Misconfigured,
    "consent p1 everything --version v1 --on 2026-11-02": Misconfigured,
    "consent p1 payer --version v9 --on 2026-11-02 --withdraw": Misconfigured,
    "consent p1 payer --version v1 --on 2.11.": Misconfigured,
    "consent p1 payer --version v1 --on 2062-11-02": Misconfigured,
    "risk p1 none --method PAR-Q+ --on 2026-11-02": Misconfigured,
    "outcome p1 mood 61 --on 2026-11-02": Misconfigured,
    "outcome p1 weight_kg 6161kg --on 2026-11-02": Misconfigured,
    "outcome p1 weight_kg nan --on 2026-11-02": Rejected,
    "outcome p1 weight_kg 61616 --on 2026-11-02": Rejected,
}
"""Lines and how they are refused."""


def test_what_cannot_be_is_refused_and_leaves_no_trace(adhere, conn, house):
    assert adhere("add", "p1", "--centre", "c1", "--doctor", "li").exit_code == 0

    runs = {words: adhere(*words.split()) for words in REFUSED}

    assert {words: type(run.exception) for words, run in runs.items()} == REFUSED
    said = "".join(f"{run.output}{run.exception}" for run in runs.values())
    assert "6161" not in said
    assert "monitoring, payer, research" in said
    assert [one.action for one in entries(conn)] == ["put_patient"]
    assert conn.execute(
        "SELECT (SELECT count(*) FROM consent), (SELECT count(*) FROM risk_assessment),"
        " (SELECT count(*) FROM outcome), (SELECT count(*) FROM patient)"
    ).fetchone() == (0, 0, 0, 1)
