"""Pages served from a fresh database with a small house of people in it."""

import pytest

from storage.database import connect
from tests.pages import Browser, House, served


@pytest.fixture
def conn(database):
    with connect(database) as conn:
        yield conn


@pytest.fixture
def house(conn):
    return House(conn)


@pytest.fixture
def site(database, house):
    with served(database) as url:
        yield url


@pytest.fixture
def browsers(site):
    """Makes browsers of the site, each with cookies of its own."""
    made = []

    def new(**given):
        made.append(Browser(site, **given))
        return made[-1]

    yield new
    for browser in made:
        browser.close()


@pytest.fixture
def browser(browsers):
    return browsers()


@pytest.fixture
def doctor(browser, conn):
    """A browser in which the first doctor is logged in."""
    return browser.enter(conn, "d1")
