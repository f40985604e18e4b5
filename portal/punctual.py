"""A connection that asks, and takes its answer, in time.

uvicorn waits for ever for a request to begin and for its first lines to end, and every such
silence counts towards the most connections it serves: some hundred silent clients would shut out
all others.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

ASK_WITHIN_S = 10.0
"""From the connection, or the answer before, to a whole request head; at most twice this."""
LOOKS_AT_AN_ANSWER = 6
"""So many times ASK_WITHIN_S one request may take, its answer's way to a slow reader included."""


class Punctual(H11Protocol):
    """An HTTP/1.1 connection that is cut when nothing comes of it."""

    look_every_s = ASK_WITHIN_S
    _looking: asyncio.TimerHandle | None = None
    _seen: tuple[RequestResponseCycle | None, bool] = (None, True)
    _same = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to look at it now and then."""
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        self._looking = self.loop.call_later(self.look_every_s, self._look)

    def _look(self) -> None:
        """Cut it where the same request, or the same silence, stood here at the last look."""
        is_silent = self.cycle is None or self.cycle.response_complete
        seen = (self.cycle, is_silent)
        self._same = self._same + 1 if seen == self._seen else 0
        self._seen = seen
        if self._same >= (1 if is_silent else LOOKS_AT_AN_ANSWER):
            self.transport.abort()
        else:
            self._look_later()
