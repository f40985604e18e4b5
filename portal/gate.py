"""What every request passes first: host, origin, size; and what every answer carries.

No fault's inside reaches a browser, and no path with a pseudonym reaches the log.
"""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.district_settings import PortalSettings
from portal.cookies import LANGUAGE
from portal.reading import language_of

log = structlog.get_logger()

MOST_BODY_BYTES = 64 * 1024
"""No form of ours has a hundredth of it."""
BODY_WITHIN_S = 15.0
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

Fault = Callable[[str, int], HTMLResponse]
"""The page of an error: (language, status)."""


class _Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Gate:
    """An ASGI application around ours."""

    def __init__(self, app: ASGIApp, *, settings: PortalSettings, fault: Fault) -> None:
        self.app = app
        self.fault = fault
        public = urlsplit(settings.public_url)
        self.scheme = public.scheme
        self.host = (public.hostname or "").lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = _Answer(send, is_https=self.scheme == "https", path=scope["path"])
        started = time.monotonic()
        try:
            self._look_at(scope["method"], headers)
            body = await _body(headers, receive)
            await self.app(scope, _replayed(body, receive), answer.send)
        except _Refused as refused:
            await self._say(refused.status, headers, scope, answer)
        except Exception as fault:  # noqa: BLE001 - the outermost place; the server would print it
            # Not `exception`: a traceback may quote a row.
            kind, where = type(fault).__name__, _where(fault)
            log.error("page_failed", kind=kind, where=where)  # noqa: TRY400 - as said
            if not answer.started:
                await self._say(500, headers, scope, answer)
        route = getattr(scope.get("route"), "path_format", None)
        said = log.debug if answer.status < 400 else log.info  # noqa: PLR2004 - HTTP's own line
        said(
            "page",
            method=scope["method"],
            route=route,
            status=answer.status,
            ms=round(1000 * (time.monotonic() - started)),
        )

    def _look_at(self, method: str, headers: Headers) -> None:
        """Refuse a foreign host (DNS rebinding) and a form of a foreign page."""
        host = headers.get("host", "")
        if _host_name(host) != self.host:
            raise _Refused(400)
        if method in SAFE_METHODS:
            return
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{self.scheme}://{host}".lower():
            raise _Refused(403)
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise _Refused(403)

    async def _say(self, status: int, headers: Headers, scope: Scope, answer: "_Answer") -> None:
        cookies = cookie_parser(headers.get("cookie", ""))
        language = language_of(cookies.get(LANGUAGE), headers.get("accept-language", ""))

        async def nothing() -> Message:
            return {"type": "http.disconnect"}

        await self.fault(language, status)(scope, nothing, answer.send)


class _Answer:
    """Sends on, with the headers that every answer carries."""

    def __init__(self, send: Send, *, is_https: bool, path: str) -> None:
        self._send = send
        self._is_https = is_https
        self._is_static = path.startswith("/static/")
        self.started = False
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["Content-Security-Policy"] = CONTENT_POLICY
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            # Not no-referrer: with it a browser says `Origin: null` of our own forms.
            headers["Referrer-Policy"] = "same-origin"
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
            if not (self._is_static and self.status == 200):  # noqa: PLR2004 - HTTP's OK
                headers["Cache-Control"] = "no-store"
            if self._is_https:
                headers["Strict-Transport-Security"] = "max-age=31536000"
        await self._send(message)


def _host_name(host: str) -> str:
    """Return a Host header without its port, in small letters; empty where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:  # a bracket without its other half
        return ""


async def _body(headers: Headers, receive: Receive) -> bytes:
    """Read a body whole, before anything parses it; refuse a long or a slow one."""
    length = headers.get("content-length")
    if length is not None and (not length.isdigit() or int(length) > MOST_BODY_BYTES):
        raise _Refused(413)
    if length in {None, "0"} and "transfer-encoding" not in headers:
        return b""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400)
                body += message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    raise _Refused(413)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise _Refused(408) from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()

    return again


def _where(fault: BaseException) -> str:
    """Return the innermost place in our own code, without any value."""
    place = "?"
    trace = fault.__traceback__
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] in {"portal", "storage", "alerts", "reports", "adherence"}:
            place = f"{module}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
