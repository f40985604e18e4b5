"""The web pages as one application: its routes, its border, and what a fault looks like."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from config.district_settings import PortalSettings
from config.errors import AdhereError, Misconfigured, Rejected
from portal import (
    alert_pages,
    audit_page,
    log_in,
    operations,
    patients,
    payment_page,
    prescribing,
    session_log,
    staff_page,
    weeks,
    work_list,
)
from portal.cookies import Cookies
from portal.facts import FactsKept
from portal.gate import Gate
from portal.passwords import Passwords
from portal.rendering import Pages
from portal.visit import LogInFirst, Portal, address, language, log_in_path, portal_of, see_other
from storage.pool import Pool
from storage.roles import Role

log = structlog.get_logger()

STATIC = Path(__file__).with_name("static")
RETRY_S = 5
ROUTERS = (
    log_in.router,
    work_list.router,
    patients.router,
    alert_pages.router,
    prescribing.router,
    session_log.router,
    weeks.router,
    payment_page.router,
    audit_page.router,
    staff_page.router,
    operations.router,
)


def create_app(
    dsn: str,
    settings: PortalSettings,
    *,
    time_zone: str,
    passwords: Passwords | None = None,
) -> FastAPI:
    """Return the application; it opens its connections when it starts and closes them at its end.

    `time_zone` is the centres': every time on a page is local there.
    """
    pool = Pool(dsn, application="adhere portal", role=Role.PORTAL)
    pages = Pages(ZoneInfo(time_zone))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pool.open()
        try:
            yield
        finally:
            pool.close()

    app = FastAPI(
        title="adhere",
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # What is shown here belongs in no trace, whatever packages are installed beside us.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.portal = Portal(
        pool=pool,
        settings=settings,
        pages=pages,
        cookies=Cookies(is_https=settings.public_url.startswith("https:")),
        passwords=passwords or Passwords(),
        facts=FactsKept(),
    )
    app.add_middleware(Gate, settings=settings, fault=pages.fault)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(LogInFirst, _log_in_first)
    app.add_exception_handler(HTTPException, _http_fault)
    app.add_exception_handler(RequestValidationError, _bad_form)
    app.add_exception_handler(AdhereError, _foreseen)
    app.get("/healthz")(_health)
    return app


def _health(request: Request) -> Response:
    """Say whether pages can be served: 200, or 503 while the database is away."""
    with portal_of(request).pool.connection() as conn:
        conn.execute("SELECT")
    return Response("ok\n", media_type="text/plain")


def _log_in_first(_request: Request, fault: Exception) -> Response:
    return see_other(log_in_path(cast("LogInFirst", fault).then))


def _http_fault(request: Request, fault: Exception) -> Response:
    return _page(request, cast("HTTPException", fault).status_code)


def _bad_form(request: Request, _fault: Exception) -> Response:
    # A path that does not even have the form of one of ours is no page; a form, a bad one.
    return _page(request, 404 if request.method == "GET" else 400)


def _foreseen(request: Request, fault: Exception) -> Response:
    if isinstance(fault, Rejected):
        log.warning("page_refused", reason=fault.reason)
        return _page(request, 400)
    if isinstance(fault, Misconfigured):
        log.error("page_misconfigured", what=str(fault))
    else:
        log.warning("page_unavailable", what=str(fault))
    response = _page(request, 503)
    response.headers["Retry-After"] = str(RETRY_S)
    return response


def _page(request: Request, status: int) -> Response:
    is_read = request.method == "GET"
    retry_s = RETRY_S if status == 503 and is_read else None  # noqa: PLR2004 - HTTP's Service Unavailable
    # A page that does not exist is the same for every address: it tells nothing of what was asked.
    here = "/" if retry_s is None else address(request)
    return portal_of(request).pages.fault(language(request), status, here=here, retry_s=retry_s)
