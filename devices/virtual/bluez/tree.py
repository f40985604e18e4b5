"""The objects on the bus: paths, their interfaces, their properties, and who hears of changes.

D-Bus Specification 0.43, "org.freedesktop.DBus.ObjectManager" and "...Properties".
"""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from dbus_fast import Variant

from devices.virtual.bluez.bus import Answer, Refused

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"
ERROR = "org.freedesktop.DBus.Error"

Interfaces = dict[str, dict[str, Variant]]


class Signals(Protocol):
    """Where signals go: `Bus.signal`."""

    def __call__(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        """Send one signal."""


class Tree:
    """What GetManagedObjects lists; each change is signalled in the same step."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._objects: dict[str, Interfaces] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._objects

    def add(self, path: str, interfaces: Interfaces) -> None:
        """Put an object on the bus."""
        self._objects[path] = interfaces
        self._signals("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def remove(self, path: str) -> None:
        """Take an object off the bus, and before it whatever lies under it."""
        self.remove_below(path)
        if path in self._objects:
            self._take(path)

    def remove_below(self, path: str) -> None:
        """Take off the bus whatever lies under an object, the deepest first."""
        for below in sorted((p for p in self._objects if p.startswith(f"{path}/")), reverse=True):
            self._take(below)

    def clear(self) -> None:
        """Forget everything and tell nobody: the process died."""
        self._objects.clear()

    def change(
        self,
        path: str,
        interface: str,
        changed: Mapping[str, Variant],
        gone: Collection[str] = (),
    ) -> None:
        """Set properties and signal them together, changed in value or not."""
        held = self._objects[path][interface]
        held.update(changed)
        invalidated = [name for name in gone if held.pop(name, None) is not None]
        if changed or invalidated:
            body = [interface, dict(changed), invalidated]
            self._signals(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def value(self, path: str, interface: str, name: str) -> Any:  # noqa: ANN401 - a property may be anything
        """Return a property's plain value, None where there is none."""
        variant = self._objects[path][interface].get(name)
        return None if variant is None else variant.value

    def managed(self) -> Answer:
        """Answer GetManagedObjects."""
        return Answer("a{oa{sa{sv}}}", (self._objects,))

    def get(self, path: str, interface: str, name: str) -> Answer:
        """Answer Properties.Get."""
        held = self._properties(path, interface)
        if name not in held:
            raise Refused(f"{ERROR}.InvalidArgs", f"no property {name}")
        return Answer("v", (held[name],))

    def set(self, path: str, interface: str, name: str, variant: Variant) -> None:
        """Do what Properties.Set asks."""
        if name not in self._properties(path, interface):
            raise Refused(f"{ERROR}.InvalidArgs", f"no property {name}")
        self.change(path, interface, {name: variant})

    def get_all(self, path: str, interface: str) -> Answer:
        """Answer Properties.GetAll."""
        return Answer("a{sv}", (self._properties(path, interface),))

    def _properties(self, path: str, interface: str) -> dict[str, Variant]:
        try:
            return self._objects[path][interface]
        except KeyError as error:
            raise Refused(f"{ERROR}.UnknownObject", f"no {interface} at {path}") from error

    def _take(self, path: str) -> None:
        interfaces = list(self._objects.pop(path))
        self._signals("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, interfaces])
