"""Whom a list showed is found by the auditor, and noted once."""


def test_the_auditor_finds_in_which_lists_a_patient_was_shown(browsers, conn, house):
    doctor, other, auditor = (browsers().enter(conn, code) for code in ("d1", "d2", "auditor"))
    house.red("p1")
    doctor.get("/patients")
    doctor.get("/")
    other.get("/patients")

    text = auditor.get("/audit?subject=p1").text

    assert "read the work list</td><td>the work list</td><td><small>patients: p1<" in text
    listed = "read the list of patients</td><td>list of patients</td><td><small>patients: p1, p2<"
    assert listed in text
    assert "<td>d2</td>" not in text
    assert "list of patients</td>" in auditor.get("/audit?subject=p2&action=read_patients").text
    assert "list of patients</td>" not in auditor.get("/audit?subject=p3").text


def test_a_list_that_refreshes_itself_is_noted_when_it_shows_somebody_new(doctor, house):
    doctor.get("/")
    first, _second = house.red("p1"), house.red("p2")
    house.begin_trail()

    doctor.get("/?auto=1")
    doctor.post(f"/alerts/{first}/close", {"outcome": "called"})
    doctor.get("/?auto=1")
    fewer = house.trail("read_list")
    house.blue("p1")
    doctor.get("/?auto=1")

    assert fewer == [("d1", "read_list", "work list")]
    assert len(house.trail("read_list")) == 2
