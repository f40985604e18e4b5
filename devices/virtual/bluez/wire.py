"""One client's socket as a D-Bus daemon sees it: authentication, then whole messages.

D-Bus Specification 0.43, "Authentication Protocol" and "Message Protocol".
"""

import asyncio
import io
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from dbus_fast import Message, Variant

# The package marshals for clients only: its public API writes no SENDER, which a daemon must add,
# and reads from a client's own socket. Hence these two; pinned as dbus-fast>=4,<6.
from dbus_fast._private.marshaller import Marshaller
from dbus_fast._private.unmarshaller import Unmarshaller

FIXED_HEADER_BYTES, MAX_MESSAGE_BYTES, MAX_AUTH_BYTES = 16, 1 << 20, 4096
"""The first is the specification's; the others are ample for a radio and stop a runaway client."""

PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE = range(1, 9)
LITTLE_ENDIAN, PROTOCOL_VERSION = ord("l"), 1


def encode(message: Message, *, serial: int, sender: str) -> bytes:
    """Return the bytes of a message as a daemon passes it on: with its sender."""
    body = bytes(Marshaller(message.signature, message.body).marshall())
    stated: list[tuple[int, str, Any]] = [
        (PATH, "o", message.path),
        (INTERFACE, "s", message.interface),
        (MEMBER, "s", message.member),
        (ERROR_NAME, "s", message.error_name),
        (REPLY_SERIAL, "u", message.reply_serial),
        (DESTINATION, "s", message.destination),
        (SENDER, "s", sender),
        (SIGNATURE, "g", message.signature),
    ]
    fields = [(code, Variant(kind, value)) for code, kind, value in stated if value]
    kind, flags = message.message_type.value, message.flags.value
    head: list[Any] = [LITTLE_ENDIAN, kind, flags, PROTOCOL_VERSION, len(body), serial, fields]
    header = bytes(Marshaller("yyyyuua(yv)", head).marshall())
    return header + bytes(-len(header) % 8) + body


def whole_length(header: bytes) -> int:
    """Return how many bytes the message has that starts with these 16; ValueError if it is none."""
    if header[0] not in b"lB":
        raise ValueError("not a D-Bus message")
    order = "<" if header[0] == LITTLE_ENDIAN else ">"
    body_bytes, _, fields_bytes = struct.unpack_from(f"{order}III", header, 4)
    length = FIXED_HEADER_BYTES + fields_bytes + (-fields_bytes % 8) + body_bytes
    if length > MAX_MESSAGE_BYTES:
        raise ValueError("a message larger than any radio sends")
    return cast("int", length)


class Wire(asyncio.Protocol):
    """A client's connection; `heard` is called with each message, `closed` once at the end."""

    def __init__(
        self, guid: str, heard: Callable[["Wire", Message], None], closed: Callable[["Wire"], None]
    ) -> None:
        self.name = ""
        """The unique name, once the client has said Hello."""
        self._guid, self._heard, self._closed = guid, heard, closed
        self._transport: asyncio.Transport | None = None
        self._pending = bytearray()
        self._is_authenticated = self._is_begun = False
        self._serial = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature; why it closed changes nothing
        """Tell the bus that this client is gone."""
        self._transport = None
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        """Take what came; whatever is not D-Bus closes the connection, as a daemon does."""
        self._pending += data
        try:
            if not self._is_begun:
                self._authenticate()
            if self._is_begun:
                self._read_messages()
        except ValueError:
            self.abort()

    def send(self, message: Message, sender: str) -> None:
        """Write one message; a client that has gone gets nothing."""
        if self._transport is not None:
            self._serial += 1
            self._transport.write(encode(message, serial=self._serial, sender=sender))

    def send_encoded(self, encoded: bytes) -> None:
        """Write a signal that was encoded once for all who asked for it."""
        if self._transport is not None:
            self._transport.write(encoded)

    def abort(self) -> None:
        """Close at once, as a crashed daemon does."""
        if self._transport is not None:
            self._transport.abort()

    def _authenticate(self) -> None:
        if self._pending[:1] == b"\0":
            del self._pending[:1]
        while not self._is_begun and b"\r\n" in self._pending:
            line, _, rest = bytes(self._pending).partition(b"\r\n")
            self._pending[:] = rest
            answer = self._answer_to(line.decode("ascii"))
            if answer and self._transport is not None:
                self._transport.write(f"{answer}\r\n".encode("ascii"))
        if not self._is_begun and len(self._pending) > MAX_AUTH_BYTES:
            raise ValueError("an endless line of authentication")

    def _answer_to(self, line: str) -> str:
        command, *words = line.split(" ")
        if command == "AUTH" and words[:1] == ["EXTERNAL"]:
            claimed = bytes.fromhex(words[1]).decode("ascii") if len(words) > 1 else ""
            self._is_authenticated = claimed in ("", str(self._peer_uid()))
            return f"OK {self._guid}" if self._is_authenticated else "REJECTED EXTERNAL"
        if command == "NEGOTIATE_UNIX_FD" and self._is_authenticated:
            return "AGREE_UNIX_FD"
        if command == "BEGIN" and self._is_authenticated:
            self._is_begun = True
            return ""
        return "REJECTED EXTERNAL" if command == "AUTH" else 'ERROR "unknown command"'

    def _peer_uid(self) -> int:
        if self._transport is None:
            raise ValueError("the client has gone")
        peer: socket.socket = self._transport.get_extra_info("socket")
        raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return cast("int", struct.unpack("3i", raw)[1])

    def _read_messages(self) -> None:
        while len(self._pending) >= FIXED_HEADER_BYTES:
            length = whole_length(bytes(self._pending[:FIXED_HEADER_BYTES]))
            if len(self._pending) < length:
                return
            frame = bytes(self._pending[:length])
            del self._pending[:length]
            message = Unmarshaller(cast("Any", io.BytesIO(frame))).unmarshall()
            if message is None:
                raise ValueError("a message shorter than it says")
            self._heard(self, message)
