"""The pages as Chromium shows them, without any script: by role and label, in both languages."""

import itertools
import shutil
from datetime import timedelta

import pytest
from playwright.sync_api import expect, sync_playwright

from storage.accounts import issue_link
from storage.database import connect
from tests.pages import MONDAY, PASSWORD, House, served
from tests.patience import PATIENCE_S

CHROMIUM = shutil.which("chromium")
SCREEN = {"width": 1366, "height": 768}
TELEPHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def house(database):
    with connect(database) as conn:
        house = House(conn)
        house.set_password("d1")
        yield house


@pytest.fixture
def new_page(chromium, database, house):
    """Makes pages; at the end no page has asked another host for anything."""
    contexts, asked = [], []
    with served(database) as url:

        def new(locale="en-GB"):
            context = chromium.new_context(
                base_url=url, locale=locale, viewport=SCREEN, java_script_enabled=False
            )
            contexts.append(context)
            page = context.new_page()
            page.on("request", lambda request: asked.append(request.url))
            return page

        yield new
        for context in contexts:
            context.close()
    assert [one for one in asked if not one.startswith(url)] == []


def enter(page, house, code="d1"):
    page.goto(f"/enter/{issue_link(house.conn, code, timedelta(minutes=5))}")
    page.locator("main").get_by_role("button").click()
    return page


def test_a_doctor_logs_in_takes_an_alert_and_closes_it(new_page, house):
    alert = house.red()
    page = new_page()

    page.goto(f"/alerts/{alert}")
    page.get_by_label("Staff code").fill("d1")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Why this alert")).to_be_visible()
    page.get_by_role("button", name="I take it").click()
    expect(page.get_by_text("Name of d1 has it since")).to_be_visible()
    page.get_by_label("False alarm").check()
    page.get_by_role("button", name="Close the alert").click()
    expect(page.get_by_role("alert")).to_have_text("This outcome needs a reason.")
    page.get_by_label("Reason or note").fill("the strap had slipped")
    page.get_by_role("button", name="Close the alert").click()

    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert house.one("SELECT outcome_reason FROM alert") == "the strap had slipped"


def test_a_red_alert_comes_onto_the_list_by_itself(new_page, house):
    page = enter(new_page(), house)
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()

    house.red()

    expect(page.locator("tr.red")).to_be_visible(timeout=1000 * PATIENCE_S)


def test_a_changed_prescription_answers_an_alert(new_page, house):
    alert = house.red()
    page = enter(new_page(), house)

    page.goto(f"/alerts/{alert}")
    page.get_by_label("Prescription adjusted").check()
    page.get_by_role("button", name="Close the alert").click()
    page.get_by_label("Ceiling, bpm").fill("146")
    page.get_by_role("button", name="Write the version and close the alert").click()

    expect(page.get_by_role("heading", name="Exercise prescription")).to_be_visible()
    assert house.one("SELECT max(version) FROM prescription") == 2
    assert house.one("SELECT outcome FROM alert") == "prescription_adjusted"


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_a_list_of_ten_fits_the_clinics_screen(new_page, house, locale):
    for number in range(10):
        house.wear(f"q{number}", ceiling_bpm=150.0, ceiling_source="default")
        house.name(f"q{number}", "欧阳秀英")
        (house.red if number < 2 else house.blue)(f"q{number}")
    page = enter(new_page(locale), house)

    page.goto("/?paused=1")

    expect(page.locator("tbody tr")).to_have_count(10)
    last = page.locator("tbody tr").last.bounding_box()
    assert last["y"] + last["height"] <= SCREEN["height"]
    assert page.locator("html").get_attribute("lang") == locale.removesuffix("-GB")


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_no_page_runs_out_of_the_screen(new_page, house, locale):
    house.exercise()
    house.week()
    alert = house.red()
    page = enter(new_page(locale), house)

    for path in (
        "/?paused=1",
        "/patients",
        "/patients/p1?day=2026-11-11",
        f"/patients/p1/weeks/{MONDAY}",
        "/patients/p1/prescription",
        f"/alerts/{alert}",
    ):
        page.goto(path)
        for wide in page.locator("main section, main table, header").all():
            box = wide.bounding_box()
            assert box["x"] >= 0, path
            assert box["x"] + box["width"] <= SCREEN["width"], path


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_every_page_fits_a_telephone(new_page, house, locale):
    house.exercise()
    house.week()
    alert = house.red()
    house.blue()
    pages = {
        "d1": (
            "/?paused=1",
            "/patients",
            "/patients/p1",
            f"/patients/p1/weeks/{MONDAY}",
            "/patients/p1/prescription",
            "/patients/p1/sessions",
            f"/alerts/{alert}",
            "/password",
        ),
        "coach": ("/?paused=1",),
        "op": ("/operations?hours=168&gateway=1",),
        "boss": ("/staff",),
        "auditor": ("/payment", "/audit"),
    }

    for code, paths in pages.items():
        page = enter(new_page(locale), house, code)
        page.set_viewport_size(TELEPHONE)
        for path in paths:
            page.goto(path)
            across = page.locator("html").evaluate("one => one.scrollWidth")
            assert across <= TELEPHONE["width"], (code, path)

    page = enter(new_page(locale), house)
    page.set_viewport_size(TELEPHONE)
    page.goto("/?paused=1")
    for button in page.locator("td.acts .button").all():
        box = button.bounding_box()
        assert box["x"] + box["width"] <= TELEPHONE["width"]


@pytest.mark.parametrize("screen", [TELEPHONE, SCREEN])
def test_the_hours_above_the_strips_stand_apart(new_page, house, screen):
    house.exercise()
    house.week()
    page = enter(new_page(), house)
    page.set_viewport_size(screen)
    page.goto(f"/patients/p1/weeks/{MONDAY}")

    hours = [hour for hour in page.locator("th.wide-strip text").all() if hour.is_visible()]
    boxes = [hour.bounding_box() for hour in hours]

    assert [hours[0].inner_html(), hours[-1].inner_html()] == ["00:00", "24:00"]
    assert len(boxes) == (5 if screen == TELEPHONE else 9)
    for left, right in itertools.pairwise(boxes):
        assert left["x"] + left["width"] < right["x"]


def test_the_trace_is_named_for_whoever_cannot_see_it(new_page, house):
    house.exercise()
    page = enter(new_page(), house)

    page.goto("/patients/p1?day=2026-11-11")

    expect(page.get_by_role("img", name="Heart rate, 11 Nov 2026")).to_be_visible()
    page.get_by_text("The same in numbers").click()
    expect(page.get_by_role("columnheader", name="Highest bpm")).to_be_visible()


def test_an_administrators_link_lets_a_new_doctor_choose_a_password(new_page, house):
    boss, doctor = enter(new_page(), house, "boss"), new_page()

    boss.goto("/staff")
    form = boss.locator("form[action='/staff']")
    form.get_by_label("Staff code").fill("d7")
    form.get_by_label("Name").fill("欧阳静")
    form.get_by_label("Role").select_option("family_doctor")
    form.get_by_label("Organisation").select_option("c1")
    form.get_by_role("button").click()
    link = boss.locator(".good code").inner_text()
    doctor.goto("/enter/" + link.rpartition("/")[2])
    doctor.get_by_role("button", name="Log in as").click()
    doctor.get_by_label("New password", exact=True).fill(PASSWORD)
    doctor.get_by_label("New password again").fill(PASSWORD)
    doctor.get_by_role("button", name="Set the password").click()

    expect(doctor.get_by_text("Nothing waits for you.")).to_be_visible()


def test_the_language_is_switched_by_a_link(new_page, house):
    page = enter(new_page("en-GB"), house)

    page.goto("/patients")
    page.get_by_role("link", name="中文").click()

    assert page.url.endswith("/patients")
    assert page.locator("html").get_attribute("lang") == "zh-CN"


def test_on_paper_there_are_no_buttons_and_no_bars(new_page, house):
    house.exercise()
    page = enter(new_page(), house)
    page.goto("/patients/p1?day=2026-11-11")

    page.emulate_media(media="print")

    expect(page.locator("svg.trace")).to_be_visible()
    expect(page.locator("header.top")).to_be_hidden()
    assert [one for one in page.get_by_role("button").all() if one.is_visible()] == []


def test_a_long_list_begins_on_the_first_sheet_of_paper(new_page, house):
    page = enter(new_page(), house, "auditor")
    page.goto("/audit")
    listed = page.locator("section.list")

    page.emulate_media(media="print")

    assert listed.evaluate("one => getComputedStyle(one).breakInside") == "auto"
    assert page.locator("tr").last.evaluate("one => getComputedStyle(one).breakInside") == "avoid"
    expect(page.get_by_role("textbox").first).to_be_hidden()
