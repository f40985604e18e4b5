"""The on-site page as Chromium shows it on the hall's touch screen, without any script."""

import asyncio
import shutil
import threading
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

from config.fields import Broker
from config.gateway_settings import GatewaySettings, OnsiteSettings
from ingest.batch.claim_code import code_hash
from ingest.batch.keys import make_keys
from ingest.batch.reading import Quantity, Reading
from ingest.batch.roster import Claimer, Limits, Roster, seal_roster
from ingest.gateway.neighbour import Neighbour
from ingest.gateway.safety import Edge
from scripts.show.ports import held_port
from tests.edges import Clocks, live, worn
from tests.patience import PATIENCE_S

CHROMIUM = shutil.which("chromium")
SCREEN = {"width": 1280, "height": 800}
TELEPHONE = {"width": 390, "height": 844}
HUB, BOX = make_keys(), make_keys()
WATCH = Neighbour("5A:01:02:03:04:05", ("hrs",), "Watch 7", -50)
RING = Neighbour("C0:FF:EE:00:00:99", ("colmi",), "R02", -60)
SALT = bytes(16)
HASH = code_hash("1234", SALT)
LIMITS = (Limits(0, 150.0, 100.0, 130.0),)
PEOPLE = tuple(Claimer(f"张-{number:02d}", SALT, HASH, LIMITS) for number in range(1, 41))
BANDS = tuple(worn(f"C0:FF:EE:00:00:{number:02X}", f"王-{number:02d}") for number in range(1, 41))
LEAST_TOUCH_PX = 44
"""Narrower than this a finger misses it (WCAG 2.2, 2.5.5)."""


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


@contextmanager
def at_work(folder, port, language, clocks):
    """Run an edge in a thread of its own, as a gateway does; nothing reaches the district."""
    settings = GatewaySettings(
        centre="centre",
        gateway="hall-1",
        data_dir=folder,
        broker=Broker(host="127.0.0.1"),
        onsite=OnsiteSettings(port=port, language=language),
    )
    edge = Edge(settings, BOX, HUB.signing.public_key(), time=clocks.edge_time())
    ready, over = threading.Event(), asyncio.Event()
    loops = []

    async def run():
        loops.append(asyncio.get_running_loop())
        task = asyncio.ensure_future(edge.run())
        while edge.page_says != "on":  # noqa: ASYNC110 - no one event says so
            await asyncio.sleep(0.01)
        ready.set()
        await over.wait()
        task.cancel()
        await asyncio.wait([task])
        await edge.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(PATIENCE_S)
        yield edge
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)


@pytest.fixture(params=["zh_CN", "en"])
def hall(request, tmp_path, chromium):
    """The edge, its clocks, and a page opened on its screen."""
    clocks = Clocks()
    with held_port() as port, at_work(tmp_path, port, request.param, clocks) as edge:
        context = chromium.new_context(viewport=SCREEN, has_touch=True)
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        yield edge, clocks, page
        context.close()


def take_roster(edge, clocks, bands=BANDS, people=PEOPLE):
    now = clocks.wall_utc_ms
    roster = Roster("centre", "hall-1", 1, now, now + 10**9, bands, claimers=people)
    edge.book.take(seal_roster(roster, HUB.signing, [BOX.encryption.public_key()]))


def fits(page, screen=SCREEN):
    """Nothing runs out of the screen to the side, and a finger finds every button."""
    boxes = page.locator("button, a, tr").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect())"
        ".map((box, n) => [box.right, all[n].tagName == 'TR' ? 99 : box.height, box.width])"
    )  # in one step: the page asks for itself anew
    assert boxes
    for right, height, width in boxes:
        assert right <= screen["width"]
        assert min(width, height) >= LEAST_TOUCH_PX


def home(page):
    page.goto(page.url.partition("/claim")[0].rstrip("/") + "/")


def test_a_wearer_claims_a_band_by_touch_alone_and_is_protected(hall):
    edge, clocks, page = hall
    take_roster(edge, clocks)
    edge.neighbours = lambda: [RING, WATCH]
    home(page)

    page.locator('a[href="/claim"]').tap()
    expect(page.get_by_role("button")).to_have_count(1)
    fits(page)
    page.get_by_role("button").tap()
    expect(page.get_by_role("button")).to_have_count(len(PEOPLE))
    fits(page)
    page.get_by_role("button", name="张-03").tap()
    expect(page.get_by_role("button")).to_have_count(11)
    fits(page)
    for digit in "1111":
        page.get_by_role("button", name=digit, exact=True).tap()
    expect(page.get_by_role("alert")).to_contain_text("张-03")
    for digit in "1234":
        page.get_by_role("button", name=digit, exact=True).tap()

    page.wait_for_url("**/")
    expect(page.locator(".claims")).to_contain_text("张-03")
    for _ in range(40):
        clocks.pass_ms(1_000)
        edge.heard([live(clocks, 158, WATCH.address)])
    expect(page.get_by_role("alert")).to_contain_text("158 / 150")
    fits(page)

    page.get_by_role("button").tap()
    expect(page.get_by_role("alert")).to_contain_text("张-03")  # the alarm, on this page too
    page.get_by_role("button").tap()
    page.wait_for_url("**/")
    expect(page.locator(".claims")).to_have_count(0)
    assert edge.registered().keys() == {band.device_key for band in BANDS}


def test_forty_people_with_their_batteries_fit_the_width_of_the_screen(hall):
    edge, clocks, page = hall
    take_roster(edge, clocks)
    edge.neighbours = lambda: [RING, WATCH]
    for number, band in enumerate(BANDS):
        battery = Reading(
            band.device_key, Quantity.BATTERY_PCT, number * 2.5, clocks.wall_utc_ms, 0, 8
        )
        edge.heard([live(clocks, 80 + number * 2, band.device_key), battery])
    home(page)

    expect(page.get_by_role("row")).to_have_count(41)
    expect(page.get_by_role("row").nth(1)).to_contain_text("0%")
    fits(page)


def test_it_fits_an_instructors_telephone(hall):
    edge, clocks, page = hall
    take_roster(edge, clocks, BANDS[:4])
    edge.neighbours = lambda: [RING, WATCH]
    page.set_viewport_size(TELEPHONE)
    for _ in range(40):
        clocks.pass_ms(1_000)
        edge.heard(
            [live(clocks, 158 - 45 * n, band.device_key) for n, band in enumerate(BANDS[:3])]
        )
    battery = Reading(BANDS[1].device_key, Quantity.BATTERY_PCT, 7.0, clocks.wall_utc_ms, 0, 8)
    edge.heard([battery])

    home(page)

    expect(page.get_by_role("alert")).to_contain_text("158 / 150")
    expect(page.get_by_role("row").nth(2)).to_contain_text("7%")
    fits(page, TELEPHONE)
    page.locator('a[href="/claim"]').tap()
    expect(page.get_by_role("button")).to_have_count(1)
    page.get_by_role("button").tap()
    expect(page.get_by_role("button")).to_have_count(len(PEOPLE))
    fits(page, TELEPHONE)
    page.get_by_role("button").first.tap()
    expect(page.get_by_role("button")).to_have_count(11)
    fits(page, TELEPHONE)


def test_a_band_is_asked_to_be_registered(hall):
    edge, clocks, page = hall
    take_roster(edge, clocks)
    edge.neighbours = lambda: [RING]
    home(page)

    page.locator('a[href="/near"]').tap()
    expect(page.locator("li")).to_contain_text(RING.address)
    fits(page)
    page.get_by_role("button").tap()

    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.locator("li")).to_contain_text(RING.address)
    assert edge.events.waiting == 1


def test_an_empty_hall_without_roster_and_network_says_so(hall):
    _edge, _clocks, page = hall

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("footer .bad")).to_have_count(2)
    expect(page.get_by_role("link")).to_have_count(0)
