"""Who asks for a page, and whether the page is theirs to see.

Another person's page does not exist for whoever may not see it: 404, and a row in the audit trail.
One request is one transaction that reads for one web session; the database shows it no other rows
(docs/why/row-security.md). It ends before the answer is sent.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, LiteralString, cast
from urllib.parse import quote

from fastapi import Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from config.district_settings import PortalSettings
from portal.cookies import LANGUAGE, SESSION, Cookies, form_token, is_form_token
from portal.facts import FactsKept
from portal.passwords import Passwords
from portal.reading import Reader, language_of
from portal.rendering import Pages
from storage import audit
from storage.accounts import CARE_ROLES
from storage.database import Connection, border
from storage.people import Role
from storage.pool import Pool
from storage.web_sessions import SignedIn, find_session, read_as, touch_session

EVERYBODY: frozenset[Role] = frozenset(
    {"family_doctor", "therapist", "instructor", "operator", "administrator", "payer", "auditor"}
)
TOUCH_EVERY = timedelta(seconds=15)
LONGEST_SUBJECT = 80


class LogInFirst(Exception):
    """Nobody is logged in; `then` is where they wanted to go."""

    def __init__(self, then: str) -> None:
        super().__init__(then)
        self.then = then


@dataclass(frozen=True)
class Portal:
    """What all pages share."""

    pool: Pool
    settings: PortalSettings
    pages: Pages
    cookies: Cookies
    passwords: Passwords
    facts: FactsKept

    @property
    def idle(self) -> timedelta:
        """Return after how long without a click a session is over."""
        return timedelta(minutes=self.settings.idle_min)


@dataclass(frozen=True)
class Visit:
    """One request of a person who is logged in, with a database connection for its time."""

    portal: Portal
    request: Request
    conn: Connection
    token: str
    person: SignedIn
    reader: Reader

    def page(
        self, template: str, status: int = 200, *, here: str | None = None, **values: object
    ) -> HTMLResponse:
        """Return a page for this person; `here` is where it stands, where a form is answered by it.

        Empty: it stands nowhere else, and whoever leaves it has seen it.
        """
        return self.portal.pages.render(
            self.reader.language,
            template,
            status,
            me=self.person,
            csrf=form_token(self.token),
            here=address(self.request) if here is None else here,
            **values,
        )

    def note(self, action: str, subject: str, **detail: object) -> None:
        """Write into the audit trail what this person did or read."""
        audit.note(self.conn, actor=self.person.code, action=action, subject=subject, detail=detail)

    def refuse(self, subject: str) -> HTTPException:
        """Write that it was refused, and return the error to raise: as if it were not there."""
        self.note("refused", subject[:LONGEST_SUBJECT], route=_route(self.request))
        return HTTPException(404)


def portal_of(request: Request) -> Portal:
    """Return what all pages share."""
    return cast("Portal", request.app.state.portal)


def language(request: Request) -> str:
    """Return the language this browser asks for."""
    return language_of(request.cookies.get(LANGUAGE), request.headers.get("accept-language", ""))


def address(request: Request) -> str:
    """Return path and query that a browser asked for; not that the page asked by itself."""
    path = request.scope.get("raw_path") or request.url.path.encode()
    query = "&".join(one for one in request.url.query.split("&") if one and one != "auto=1")
    return path.decode("latin-1") + (f"?{query}" if query else "")


def safe_path(path: str) -> str:
    """Return a path of ours to go to next; anything else becomes the first page."""
    return path if re.fullmatch(r"/(?![/\\])[^\\\x00-\x20\x7f]{0,1000}", path) else "/"


def log_in_path(then: str) -> str:
    """Return the address of the form to log in, from which one goes on to a page."""
    return "/login" if then == "/" else f"/login?next={quote(then, safe='/')}"


def see_other(path: str) -> RedirectResponse:
    """Return the answer to a form: go there and read."""
    return RedirectResponse(path, status_code=303)


def reads(roles: frozenset[Role]) -> Callable[[Request], Iterator[Visit]]:
    """Return the dependency of a page that these roles may read."""

    def enter(request: Request) -> Iterator[Visit]:
        with _visiting(request, roles) as visit:
            yield visit

    return enter


def reads_one_moment(roles: frozenset[Role]) -> Callable[[Request], Iterator[Visit]]:
    """Return the dependency of a page whose many questions must agree with one another."""

    def enter(request: Request) -> Iterator[Visit]:
        with _visiting(request, roles, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ") as visit:
            yield visit

    return enter


def writes(roles: frozenset[Role]) -> Callable[..., Iterator[Visit]]:
    """Return the dependency of a form that these roles may send; the form's token is checked."""

    def enter(request: Request, csrf: Annotated[str, Form(max_length=200)] = "") -> Iterator[Visit]:
        with _visiting(request, roles) as visit:
            if not is_form_token(csrf, visit.token):
                raise HTTPException(403)
            yield visit

    return enter


@contextmanager
def _visiting(
    request: Request, roles: frozenset[Role], begin: LiteralString = ""
) -> Iterator[Visit]:
    portal = portal_of(request)
    with portal.pool.connection() as conn:
        token = portal.cookies.read(request, SESSION)
        person = None if token is None else find_session(conn, token, idle=portal.idle)
        if token is None or person is None:
            raise LogInFirst(address(request) if request.method == "GET" else "/")
        # A page that refreshes itself is not a person at the screen.
        is_a_click = "auto" not in request.query_params
        if is_a_click and datetime.now(UTC) - person.seen_at > TOUCH_EVERY:
            touch_session(conn, token)
        visit = Visit(portal, request, conn, token, person, portal.pages.readers[language(request)])
        with answering(conn):
            if begin:
                with border():
                    conn.execute(begin)
            read_as(conn, token)
            if person.role not in roles:
                raise visit.refuse(request.url.path)
            yield visit


@contextmanager
def answering(conn: Connection) -> Iterator[None]:
    """One transaction; a page that is refused is an answer too, and what was noted of it stays."""
    refused: HTTPException | None = None
    with border(), conn.transaction():
        try:
            yield
        except HTTPException as answer:
            refused = answer
    if refused is not None:
        raise refused


def _route(request: Request) -> str:
    return str(getattr(request.scope.get("route"), "path_format", ""))


_CARE = cast("frozenset[Role]", CARE_ROLES)
_DOCTORS: frozenset[Role] = frozenset({"family_doctor"})
_ADMINISTRATORS: frozenset[Role] = frozenset({"administrator"})
_AUDITORS: frozenset[Role] = frozenset({"auditor"})
_PAYERS: frozenset[Role] = frozenset({"payer", "auditor"})

# Of the function, not of the request: it is written down before the browser is answered, which may
# ask for the next page at once.
Anybody = Annotated[Visit, Depends(reads(EVERYBODY), scope="function")]
AnybodyWrites = Annotated[Visit, Depends(writes(EVERYBODY), scope="function")]
CareTeam = Annotated[Visit, Depends(reads(_CARE), scope="function")]
CareTeamAtOneMoment = Annotated[Visit, Depends(reads_one_moment(_CARE), scope="function")]
CareTeamWrites = Annotated[Visit, Depends(writes(_CARE), scope="function")]
Doctor = Annotated[Visit, Depends(reads(_DOCTORS), scope="function")]
DoctorWrites = Annotated[Visit, Depends(writes(_DOCTORS), scope="function")]
Administrator = Annotated[Visit, Depends(reads(_ADMINISTRATORS), scope="function")]
AdministratorWrites = Annotated[Visit, Depends(writes(_ADMINISTRATORS), scope="function")]
Auditor = Annotated[Visit, Depends(reads(_AUDITORS), scope="function")]
Payer = Annotated[Visit, Depends(reads(_PAYERS), scope="function")]
