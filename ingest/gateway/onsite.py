"""The on-site page's small HTTP server: on this machine's loopback alone.

It answers GET, HEAD and POST of a form, and closes the connection; anything else gets a short
error. A name other than this machine's in `Host` is refused, so that no web page can have a browser
on this box read it under another name. A form must come from a page of ours: it brings the token
that stands in our pages alone, and a browser that says where it comes from must say from here.
"""

import asyncio
import base64
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import parse_qsl

ADDRESS = "127.0.0.1"
MAX_HEAD_BYTES = 8_192
MAX_BODY_BYTES = 4_096
MAX_FIELDS = 20
READ_S = 5.0
MAX_CONNECTIONS = 32
NAMES = frozenset({ADDRESS, "localhost"})
FORM = "application/x-www-form-urlencoded"
TOKEN_FIELD = "token"  # noqa: S105 - the name of a field

_WORDS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the one style sheet that stands in it."""

    html: str
    style: str

    @property
    def policy(self) -> str:
        """The content security policy: nothing but that style sheet, and forms to ourselves."""
        digest = base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'"
        )


@dataclass(frozen=True, slots=True)
class SeeOther:
    """Go on to another page of ours: what was done is done once."""

    path: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A page that is asked for, or a form that was sent from one of ours."""

    path: str
    form: Mapping[str, str] | None = None
    """None: nothing was sent."""


Answer = Page | SeeOther | None
"""None: there is no such page."""
Desk = Callable[[Asked], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Token:
    """What shows that a form came from a page of ours; new at every start, never shown in a log."""

    text: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)


@asynccontextmanager
async def listening(port: int, desk: Desk, token: Token) -> AsyncIterator[int]:
    """Serve what `desk` answers until the end of the body; yield the port.

    Raises OSError where the port is taken. Port 0 is any free one.
    """
    server = _Server(desk, token)
    async with await asyncio.start_server(
        server.serve, ADDRESS, port, limit=MAX_HEAD_BYTES
    ) as serving:
        try:
            yield int(serving.sockets[0].getsockname()[1])
        finally:
            await server.end()


class _Refused(Exception):
    """The request is answered with this status and nothing else."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class _Server:
    def __init__(self, desk: Desk, token: Token) -> None:
        self._desk, self._token = desk, token
        self._open: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; whatever comes, the server goes on."""
        if len(self._open) >= MAX_CONNECTIONS:
            next(iter(self._open)).transport.abort()  # the oldest has had its time
        self._open[writer] = asyncio.current_task()
        try:
            with contextlib.suppress(OSError, TimeoutError):
                answer = await self._answer(reader)
                writer.write(answer)
                async with asyncio.timeout(READ_S):
                    await writer.drain()
        finally:
            self._open.pop(writer, None)
            writer.close()

    async def end(self) -> None:
        """Hang up on whoever is still connected."""
        for writer in self._open:
            writer.transport.abort()
        if tasks := [task for task in self._open.values() if task is not None]:
            await asyncio.wait(tasks)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
                method, asked = await self._read(head, reader)
        except TimeoutError:
            return _error(408)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return _error(400)
        except _Refused as refused:
            return _error(refused.status)
        match await self._desk(asked):
            case SeeOther(path):
                return _head(303, 0, "text/plain", NO_POLICY, f"Location: {path}")
            case Page() as page:
                body = page.html.encode()
                policy = f"Content-Security-Policy: {page.policy}"
                head_of_answer = _head(200, len(body), "text/html", policy)
                return head_of_answer + (b"" if method == "HEAD" else body)
            case None:
                return _error(404)

    async def _read(self, head: bytes, reader: asyncio.StreamReader) -> tuple[str, Asked]:
        """Return method and request; raise _Refused."""
        request, *lines = head.decode("latin-1").split("\r\n")
        match request.split(" "):
            case [method, target, "HTTP/1.1" | "HTTP/1.0"]:
                path = target.partition("?")[0]
            case _:
                raise _Refused(400)
        match _values(lines, "host"):
            case [host] if not NAMES.isdisjoint({host, host.rpartition(":")[0]}):
                pass
            case _:
                raise _Refused(421)
        if method in {"GET", "HEAD"}:
            return method, Asked(path)
        if method != "POST":
            raise _Refused(405)
        # A browser that tells where a form comes from must say that it comes from here.
        origins, sites = _values(lines, "origin"), _values(lines, "sec-fetch-site")
        if origins not in ([], [f"http://{host}"]) or sites not in ([], ["same-origin"]):
            raise _Refused(403)
        form = _form(await _body(lines, reader))
        if not compare_digest(form.get(TOKEN_FIELD, "").encode(), self._token.text.encode()):
            raise _Refused(403)
        return method, Asked(path, form)


async def _body(lines: Sequence[str], reader: asyncio.StreamReader) -> bytes:
    """Read what a form sends; raise _Refused."""
    if _values(lines, "transfer-encoding"):
        raise _Refused(411)
    match _values(lines, "content-type"):
        case [kind] if kind.partition(";")[0].strip().lower() == FORM:
            pass
        case _:
            raise _Refused(415)
    match _values(lines, "content-length"):
        case [length] if length.isascii() and length.isdecimal():
            pass
        case _:
            raise _Refused(411)
    if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
        raise _Refused(413)
    return await reader.readexactly(int(length))


def _form(body: bytes) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=MAX_FIELDS, errors="strict"))
    except ValueError as error:  # not ASCII, not UTF-8 inside, or too many fields
        raise _Refused(400) from error


def _values(lines: Sequence[str], name: str) -> list[str]:
    """Return the values of a header, one for each time it stands there."""
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for key, _, value in pairs if key.strip().lower() == name]


NO_POLICY = "Content-Security-Policy: default-src 'none'"


def _error(status: int) -> bytes:
    body = f"{status} {_WORDS[status]}\n".encode()
    return _head(status, len(body), "text/plain", NO_POLICY) + body


def _head(status: int, length: int, kind: str, *more: str) -> bytes:
    return "\r\n".join(
        [
            f"HTTP/1.1 {status} {_WORDS[status]}",
            f"Content-Type: {kind}; charset=utf-8",
            f"Content-Length: {length}",
            *more,
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: same-origin",
            "Connection: close",
            "",
            "",
        ]
    ).encode()
