"""A small message bus on a unix socket: who is there, who asked for which signals, who is called.

It knows two services: itself (`org.freedesktop.DBus`) and the one it was given. Clients call
those; they do not call each other, which a radio's clients have no need of.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from dbus_fast import Message, MessageFlag, MessageType

from devices.virtual.bluez.match import Rule, parse
from devices.virtual.bluez.wire import Wire, encode

BUS = "org.freedesktop.DBus"
BUS_PATH = "/org/freedesktop/DBus"
PEER = "org.freedesktop.DBus.Peer"
SERVICE_UNIQUE_NAME = ":1.0"
ALREADY_RUNNING = 2
"""What StartServiceByName answers; the service of this bus needs no starting."""


class Refused(Exception):
    """A call that is answered with an error: its D-Bus name and its text."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, text)
        self.name, self.text = name, text


class Answer(NamedTuple):
    """What a method returns."""

    signature: str = ""
    body: tuple[Any, ...] = ()


Serve = Callable[[str, Message], Awaitable[Answer]]
"""Called with the caller's unique name and the call; raises Refused to answer with an error."""


@dataclass
class Client:
    """A connected program."""

    wire: Wire
    rules: list[Rule] = field(default_factory=list)


class Bus:
    """Serves `service_name` at a socket; `serve` answers its calls, `left` hears who has gone."""

    def __init__(self, service_name: str, serve: Serve, left: Callable[[str], None]) -> None:
        self._service_name, self._serve, self._left = service_name, serve, left
        self._clients: dict[str, Client] = {}
        self._strangers: set[Wire] = set()
        self._server: asyncio.Server | None = None
        self._calls: dict[asyncio.Task[None], tuple[Wire, Message]] = {}
        self._count = self._signal_serial = 0
        self._is_served = False
        self._guid = uuid.uuid4().hex

    async def open(self, socket_path: Path) -> None:
        """Listen; the service is there from the start."""
        self._is_served = True
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(self._new_wire, str(socket_path))

    def close(self) -> None:
        """Cut everybody off at once; nobody is told."""
        self._is_served = False
        if self._server is not None:
            self._server.close()
            self._server = None
        for wire in [*self._strangers, *(client.wire for client in self._clients.values())]:
            wire.abort()
        for call in self._calls:
            call.cancel()

    async def gone(self) -> None:
        """Wait until every socket and every call of a closed bus has ended."""
        while self._calls or self._clients or self._strangers:  # noqa: ASYNC110 - a turn or two of the loop
            await asyncio.sleep(0)

    def service_dies(self) -> None:
        """Let the service's process end while the bus goes on: calls to it find nobody."""
        self._is_served = False
        for task, (wire, call) in self._calls.items():
            task.cancel()
            text = "the recipient left the bus without replying"
            self._reply(wire, call, Message.new_error(call, f"{BUS}.Error.NoReply", text), BUS)
        self._owner_changed(self._service_name, SERVICE_UNIQUE_NAME, "")

    def service_starts(self) -> None:
        """Let the service be there again."""
        self._is_served = True
        self._owner_changed(self._service_name, "", SERVICE_UNIQUE_NAME)

    def signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        """Send a signal of the service to the clients that asked for it."""
        if self._is_served:
            message = Message.new_signal(path, interface, member, signature, body)
            self._multicast(message, SERVICE_UNIQUE_NAME, {self._service_name})

    def _multicast(self, message: Message, sender: str, names: set[str]) -> None:
        senders = frozenset({sender, *names})
        encoded = b""
        for client in self._clients.values():
            if any(rule.matches(message, senders) for rule in client.rules):
                encoded = encoded or self._encoded(message, sender)
                client.wire.send_encoded(encoded)

    def _encoded(self, message: Message, sender: str) -> bytes:
        self._signal_serial = self._signal_serial % 0x7FFF_FFFF + 1
        return encode(message, serial=self._signal_serial, sender=sender)

    def _new_wire(self) -> Wire:
        wire = Wire(self._guid, self._heard, self._closed)
        self._strangers.add(wire)
        return wire

    def _closed(self, wire: Wire) -> None:
        self._strangers.discard(wire)
        if self._clients.pop(wire.name, None) is not None:
            self._left(wire.name)
            self._owner_changed(wire.name, wire.name, "")

    def _owner_changed(self, name: str, before: str, after: str) -> None:
        body = [name, before, after]
        signal = Message.new_signal(BUS_PATH, BUS, "NameOwnerChanged", "sss", body)
        self._multicast(signal, BUS, set())

    def _heard(self, wire: Wire, message: Message) -> None:
        if message.message_type is not MessageType.METHOD_CALL:
            return  # a client's own signals and replies concern nobody here
        if not wire.name and message.member != "Hello":
            wire.abort()
            return
        task = asyncio.get_running_loop().create_task(self._answer(wire, message))
        self._calls[task] = (wire, message)
        task.add_done_callback(self._calls.pop)

    async def _answer(self, wire: Wire, call: Message) -> None:
        is_for_bus = call.destination == BUS
        sender = BUS if is_for_bus else SERVICE_UNIQUE_NAME
        try:
            answer = self._own(wire, call) if is_for_bus else await self._served(wire, call)
            reply = Message.new_method_return(call, answer.signature, list(answer.body))
        except Refused as refusal:
            reply = Message.new_error(call, refusal.name, refusal.text)
        except (IndexError, TypeError, ValueError):
            text = f"{call.member} does not take {call.signature or 'nothing'}"
            reply = Message.new_error(call, f"{BUS}.Error.InvalidArgs", text)
        self._reply(wire, call, reply, sender)

    @staticmethod
    def _reply(wire: Wire, call: Message, reply: Message, sender: str) -> None:
        if not call.flags & MessageFlag.NO_REPLY_EXPECTED:
            reply.destination = wire.name
            wire.send(reply, sender)

    async def _served(self, wire: Wire, call: Message) -> Answer:
        if not self._is_served or call.destination not in (self._service_name, SERVICE_UNIQUE_NAME):
            text = f"nobody here is called {call.destination}"
            raise Refused(f"{BUS}.Error.ServiceUnknown", text)
        return Answer() if _is_ping(call) else await self._serve(wire.name, call)

    def _own(self, wire: Wire, call: Message) -> Answer:  # noqa: PLR0911 - one branch a method of the bus, none with logic of its own
        argument = call.body[0] if call.body else ""
        match call.member:
            case "Ping" if _is_ping(call):
                return Answer()
            case "Hello" if not wire.name:
                return Answer("s", (self._welcome(wire),))
            case "AddMatch":
                self._clients[wire.name].rules.append(_rule(argument))
                return Answer()
            case "RemoveMatch":
                return self._forget_rule(wire, argument)
            case "GetNameOwner":
                return Answer("s", (self._owner(argument),))
            case "NameHasOwner":
                return Answer("b", (argument in self._names(),))
            case "ListNames":
                return Answer("as", (self._names(),))
            case "StartServiceByName":
                self._owner(argument)
                return Answer("u", (ALREADY_RUNNING,))
            case "GetId":
                return Answer("s", (self._guid,))
        raise Refused(f"{BUS}.Error.UnknownMethod", f"the bus has no {call.member}")

    def _welcome(self, wire: Wire) -> str:
        self._count += 1
        wire.name = f":1.{self._count}"
        self._strangers.discard(wire)
        self._clients[wire.name] = Client(wire)
        self._owner_changed(wire.name, "", wire.name)
        return wire.name

    def _forget_rule(self, wire: Wire, text: str) -> Answer:
        try:
            self._clients[wire.name].rules.remove(_rule(text))
        except ValueError as error:
            raise Refused(f"{BUS}.Error.MatchRuleNotFound", text) from error
        return Answer()

    def _names(self) -> list[str]:
        served = [self._service_name, SERVICE_UNIQUE_NAME] if self._is_served else []
        return [BUS, *served, *self._clients]

    def _owner(self, name: str) -> str:
        if name not in self._names():
            raise Refused(f"{BUS}.Error.NameHasNoOwner", f"nobody here is called {name}")
        return SERVICE_UNIQUE_NAME if name == self._service_name else name


def _is_ping(call: Message) -> bool:
    return call.interface == PEER and call.member == "Ping"


def _rule(text: str) -> Rule:
    try:
        return parse(text)
    except ValueError as error:
        raise Refused(f"{BUS}.Error.MatchRuleInvalid", str(error)) from error
