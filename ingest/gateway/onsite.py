"""The on-site page's small HTTP server: one page, on this machine's loopback alone.

It answers GET and HEAD of `/` and closes the connection; anything else gets a short error. A name
other than this machine's in `Host` is refused, so that no web page can have a browser on this box
read it under another name.
"""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

ADDRESS = "127.0.0.1"
MAX_HEAD_BYTES = 8_192
READ_S = 5.0
MAX_CONNECTIONS = 32
NAMES = frozenset({ADDRESS, "localhost"})

_WORDS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    421: "Misdirected Request",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the one style sheet that stands in it."""

    html: str
    style: str

    @property
    def policy(self) -> str:
        """The content security policy: nothing but that style sheet."""
        digest = base64.b64encode(hashlib.sha256(self.style.encode()).digest()).decode()
        return (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )


@asynccontextmanager
async def listening(port: int, page: Callable[[], Page]) -> AsyncIterator[int]:
    """Serve `page()` until the end of the body; yield the port. Raises OSError where it is taken.

    Port 0 is any free one.
    """
    server = _Server(page)
    async with await asyncio.start_server(
        server.serve, ADDRESS, port, limit=MAX_HEAD_BYTES
    ) as serving:
        try:
            yield int(serving.sockets[0].getsockname()[1])
        finally:
            await server.end()


class _Server:
    def __init__(self, page: Callable[[], Page]) -> None:
        self._page = page
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
        except TimeoutError:
            return _error(408)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return _error(400)
        return self._to(head)

    def _to(self, head: bytes) -> bytes:
        request, *lines = head.decode("latin-1").split("\r\n")
        match request.split(" "):
            case [method, target, "HTTP/1.1" | "HTTP/1.0"]:
                pass
            case _:
                return _error(400)
        hosts = [line.partition(":")[2].strip() for line in lines if _is_host(line)]
        if len(hosts) != 1 or NAMES.isdisjoint({hosts[0], hosts[0].rpartition(":")[0]}):
            return _error(421)
        if method not in {"GET", "HEAD"}:
            return _error(405)
        if target.partition("?")[0] != "/":
            return _error(404)
        page = self._page()
        body = page.html.encode()
        head_of_answer = _head(
            200, len(body), "text/html", f"Content-Security-Policy: {page.policy}"
        )
        return head_of_answer + (body if method == "GET" else b"")


def _is_host(line: str) -> bool:
    return line.partition(":")[0].strip().lower() == "host"


def _error(status: int) -> bytes:
    body = f"{status} {_WORDS[status]}\n".encode()
    return (
        _head(status, len(body), "text/plain", "Content-Security-Policy: default-src 'none'") + body
    )


def _head(status: int, length: int, kind: str, policy: str) -> bytes:
    return "\r\n".join(
        [
            f"HTTP/1.1 {status} {_WORDS[status]}",
            f"Content-Type: {kind}; charset=utf-8",
            f"Content-Length: {length}",
            policy,
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Referrer-Policy: no-referrer",
            "Connection: close",
            "",
            "",
        ]
    ).encode()
