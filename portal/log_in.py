"""Log in by password or one-time link, log out, set a password, choose a language."""

from datetime import timedelta
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, HTTPException, Request, Response

from config.language import LANGUAGES, later
from portal.cookies import BROWSER, LANGUAGE, SESSION, VISITOR, YEAR, form_token, is_form_token
from portal.passwords import TooBusy, fault_of
from portal.visit import (
    Anybody,
    AnybodyWrites,
    Visit,
    language,
    log_in_path,
    portal_of,
    safe_path,
    see_other,
)
from storage import audit
from storage.accounts import find_link, new_token, password_terms
from storage.database import Connection
from storage.web_sessions import (
    KNOWN_FOR,
    Opening,
    Patience,
    browser_of,
    change_password,
    end_session,
    enter_by_link,
    failures,
    forget_failures,
    know_browser,
    lock_password,
    note_failure,
    read_as,
    seconds_to_wait,
    show_names,
    wait_key,
)
from storage.web_sessions import log_in as open_by_proof

log = structlog.get_logger()
router = APIRouter()

OF_ACCOUNT = Patience(
    allowed=5,
    first_wait=timedelta(seconds=30),
    longest_wait=timedelta(minutes=15),
    forgotten_after=timedelta(hours=24),
)
"""After five wrong passwords 30 s, then twice as long each time. A browser in which the person has
logged in before is counted by itself, so strangers cannot make its owner wait."""
OF_ADDRESS = Patience(
    allowed=20,
    first_wait=timedelta(seconds=30),
    longest_wait=timedelta(minutes=15),
    forgotten_after=timedelta(hours=1),
)
"""A whole centre may come from one address, so more of them are allowed."""

WRONG = later("Name or password is not right.")
WAIT = later("Too many wrong passwords. Try again in %(seconds)d seconds.")
BUSY = later("Many people are logging in. Try again in a moment.")
STALE = later("The form was out of date. Please try again.")
NOT_THE_OLD = later("The current password is not right.")
NOT_TWICE = later("The two new passwords differ.")

Field = Annotated[str, Form(max_length=2_000)]


@router.get("/login")
def log_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - the word in the URL
    """Show the form."""
    return _form(request, then=safe_path(next))


@router.post("/login")
def log_in(
    request: Request,
    name: Field = "",
    password: Field = "",
    csrf: Field = "",
    next: Field = "/",  # noqa: A002 - the word in the form
) -> Response:
    """Take name and password; the same words and the same time whether the account exists."""
    portal, then = portal_of(request), safe_path(next)
    if not is_form_token(csrf, portal.cookies.read(request, VISITOR)):
        return _form(request, then=then, fault=STALE, status=403)
    code = name.strip()
    with portal.pool.connection() as conn:
        keys = _keys(conn, request, code)
        wait = seconds_to_wait(conn, [key for key, _ in keys])
    if wait > 0:
        return _wait(request, then, code, wait)
    try:
        # No connection is held while others have their turn: pages need them.
        with portal.passwords.turn(), portal.pool.connection() as conn:
            return _looked_at(conn, request, code, password, then, keys)
    except TooBusy:
        return _form(request, then=then, fault=BUSY, status=429, seconds=5, name=code)


def _looked_at(
    conn: Connection,
    request: Request,
    code: str,
    password: str,
    then: str,
    keys: list[tuple[bytes, Patience]],
) -> Response:
    """Look at a password, in a turn of its own."""
    # Asked again: of many that came at once, those before this one are counted by now.
    wait = seconds_to_wait(conn, [key for key, _ in keys])
    if wait > 0:
        return _wait(request, then, code, wait)
    portal = portal_of(request)
    account = password_terms(conn, code)
    proof = portal.passwords.proof(account.terms if account else None, password)
    # A password of nobody, or of an account that is shut, is asked for all the same.
    token = open_by_proof(conn, code, proof or b"", _opening(request))
    if token is None:
        for key, patience in keys:
            note_failure(conn, key, patience)
        audit.note(
            conn,
            actor=account.code if account else "nobody",
            action="log_in_failed",
            subject="account",
        )
        return _form(request, then=then, fault=WRONG, status=401, name=code)
    tried = failures(conn, wait_key("account", code))
    forget_failures(conn, keys[0][0])
    response = see_other(then)
    portal.cookies.put(response, SESSION, token)
    browser = portal.cookies.read(request, BROWSER) or new_token()
    with conn.transaction():
        read_as(conn, token)
        know_browser(conn, browser)
        audit.note(
            conn, actor=code, action="log_in", subject="account", detail={"wrong_before": tried}
        )
    portal.cookies.put(response, BROWSER, browser, lasts=KNOWN_FOR)
    return response


def _wait(request: Request, then: str, code: str, wait: float) -> Response:
    return _form(request, then=then, fault=WAIT, status=429, seconds=int(wait) + 1, name=code)


def _keys(conn: Connection, request: Request, code: str) -> list[tuple[bytes, Patience]]:
    """Return under what wrong passwords count: the account and the address, or a known browser.

    A known browser is counted by itself alone: whoever tries names at the next desk, behind the
    same address, does not keep a doctor out.
    """
    browser = portal_of(request).cookies.read(request, BROWSER)
    if browser is not None and browser_of(conn, browser) == code:
        return [(wait_key("browser", f"{browser} {code}"), OF_ACCOUNT)]
    address = request.client.host if request.client else "?"
    return [(wait_key("account", code), OF_ACCOUNT), (wait_key("address", address), OF_ADDRESS)]


def _opening(request: Request) -> Opening:
    """Return what a new session is, whatever cookie came; the session it named ends."""
    portal = portal_of(request)
    return Opening(
        session_for=timedelta(hours=portal.settings.session_h),
        idle=portal.idle,
        before=portal.cookies.read(request, SESSION),
    )


def _form(
    request: Request,
    *,
    then: str,
    fault: str | None = None,
    status: int = 200,
    seconds: int = 0,
    name: str = "",
) -> Response:
    portal = portal_of(request)
    visitor = portal.cookies.read(request, VISITOR) or new_token()
    response = portal.pages.render(
        language(request),
        "log_in.html",
        status,
        csrf=form_token(visitor),
        fault=fault,
        seconds=seconds,
        name=name,
        next=then,
        here=log_in_path(then),
    )
    portal.cookies.put(response, VISITOR, visitor)
    if status == 429:  # noqa: PLR2004 - HTTP's Too Many Requests
        response.headers["Retry-After"] = str(seconds)
    return response


@router.get("/enter/{token}")
def enter_page(request: Request, token: str) -> Response:
    """Ask before using a link up: programs that preview links in messages open them too."""
    portal = portal_of(request)
    with portal.pool.connection() as conn:
        link = find_link(conn, token)
    visitor = portal.cookies.read(request, VISITOR) or new_token()
    response = portal.pages.render(
        language(request),
        "enter.html",
        404 if link is None else 410 if link.is_used or link.is_over else 200,
        csrf=form_token(visitor),
        link=link,
        token=token,
        here=f"/enter/{safe_path('/' + token)[1:]}",
    )
    portal.cookies.put(response, VISITOR, visitor)
    return response


@router.post("/enter/{token}")
def enter(request: Request, token: str, csrf: Field = "") -> Response:
    """Use a link up and open a session."""
    portal = portal_of(request)
    if not is_form_token(csrf, portal.cookies.read(request, VISITOR)):
        raise HTTPException(403)
    with portal.pool.connection() as conn, conn.transaction():
        entered = enter_by_link(conn, token, _opening(request))
        if entered is not None:
            read_as(conn, entered.token)
            audit.note(conn, actor=entered.code, action="enter_by_link", subject="account")
    if entered is None:
        return enter_page(request, token)
    response = see_other("/password" if entered.sets_password else "/")
    portal.cookies.put(response, SESSION, entered.token)
    return response


@router.post("/logout")
def log_out(visit: AnybodyWrites) -> Response:
    """End the session here and in the database."""
    visit.note("log_out", "account")
    end_session(visit.conn, visit.token)
    response = see_other("/login")
    visit.portal.cookies.drop(response, SESSION)
    return response


@router.get("/password")
def password_page(visit: Anybody) -> Response:
    """Show the form for a new password."""
    return visit.page("password.html", fault=None)


@router.post("/password")
def set_password(
    visit: AnybodyWrites, current: Field = "", password: Field = "", again: Field = ""
) -> Response:
    """Set a password: with the current one, or without where a link was made for it."""
    try:
        fault = _set_password(visit, current, password, again)
    except TooBusy:
        return visit.page("password.html", 429, fault=BUSY)
    if fault is not None:
        return visit.page("password.html", 422, fault=fault)
    visit.note("set_password", "account")
    return see_other("/")


def _set_password(visit: Visit, current: str, password: str, again: str) -> str | None:
    """Write the new password; return what is wrong with it, or with the old one."""
    person, passwords = visit.person, visit.portal.passwords
    if password != again:
        return NOT_TWICE
    fault = fault_of(password, person.code, person.name)
    if fault is not None:
        return fault
    with passwords.turn():
        # Until the page's transaction ends: what it counts, the next in turn has to see.
        lock_password(visit.conn, person.code)
        key, proof = wait_key("current", person.code), None
        if not person.may_set_password:
            if seconds_to_wait(visit.conn, [key]) > 0:
                return BUSY
            account = password_terms(visit.conn, person.code)
            proof = passwords.proof(account.terms if account else None, current)
        if change_password(visit.conn, visit.token, proof, passwords.hashed(password)):
            return None
        note_failure(visit.conn, key, OF_ACCOUNT)
    return NOT_THE_OLD


@router.post("/names")
def switch_names(visit: AnybodyWrites, shown: Field = "", next: Field = "/") -> Response:  # noqa: A002 - as above
    """Show names in full in this session, or masked."""
    show_names(visit.conn, visit.token, shows_names=shown == "yes")
    if shown == "yes":
        visit.note("show_names", "session")
    return see_other(safe_path(next))


@router.get("/language/{code}")
def choose_language(request: Request, code: str, next: str = "/") -> Response:  # noqa: A002 - as above
    """Remember a language in this browser."""
    if code not in LANGUAGES:
        raise HTTPException(404)
    response = see_other(safe_path(next))
    portal_of(request).cookies.put(response, LANGUAGE, code, lasts=YEAR)
    return response
