"""The connection under a link: what it offers, what is read, written and told over it, all bounded.

bleak and BlueZ end here: every call has an end, and every fault is a RadioFault.
"""

from collections.abc import Callable, Sequence

import structlog
from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice

from devices.talk import Write
from ingest.gateway.radio.border import RadioFault, bounded, radio_faults
from ingest.gateway.radio.own_name import own_name
from ingest.gateway.radio.pace import Pace

log = structlog.get_logger()

BLEAK_S = 1.0
"""Our time for a connection ends so much after bleak's own."""


class Wire:
    """One connection to one band."""

    def __init__(
        self, device: BLEDevice, hci: str, pace: Pace, *, on_lost: Callable[[], None]
    ) -> None:
        """Take what bleak found the band by, the adapter's name of the day, and whom to tell."""
        self._pace, self._on_lost = pace, on_lost
        self.is_lost = False
        self.services: set[str] = set()
        self.offered: set[str] = set()
        """The characteristics of all services; both are known once it is open."""
        self._client = BleakClient(
            device, self._went, timeout=pace.connect_s, bluez={"adapter": hci}
        )

    async def connect(self) -> None:
        """Connect and discover the services; raise RadioFault where that does not come about."""
        try:
            await bounded(self._client.connect(), self._pace.connect_s + BLEAK_S)
        except KeyError as error:  # bleak looked for what BlueZ took away in that moment
            raise RadioFault("device_gone") from error

    def look(self) -> None:
        """Note what the band offers; raise RadioFault for a link that is lost by now."""
        with radio_faults():
            self.services = {service.uuid for service in self._client.services}
            self.offered = {
                characteristic.uuid
                for service in self._client.services
                for characteristic in service.characteristics
            }

    async def subscribe(self, uuid: str, heard: Callable[[bytes], None]) -> None:
        """Have a characteristic told; `heard` must not raise, for dbus-fast would only log it."""

        def notified(_characteristic: BleakGATTCharacteristic, data: bytearray) -> None:
            heard(bytes(data))

        await bounded(self._client.start_notify(uuid, notified), self._pace.ask_s)

    async def read(self, uuid: str) -> bytes:
        """Return the value of a characteristic."""
        return bytes(await bounded(self._client.read_gatt_char(uuid), self._pace.ask_s))

    async def write(self, writes: Sequence[Write]) -> None:
        """Write in order, each confirmed by the band where it asks for that."""
        for write in writes:
            writing = self._client.write_gatt_char(
                write.characteristic, write.data, response=write.response
            )
            await bounded(writing, self._pace.ask_s)

    async def own_name(self) -> str:
        """Return what the band says it is, empty for nothing."""
        return await own_name(self._client, self.offered, self._pace.ask_s)

    async def let_go(self) -> None:
        """Disconnect; raise RadioFault where that is not answered."""
        await bounded(self._client.disconnect(), self._pace.disconnect_s)

    def _went(self, _client: BleakClient) -> None:
        self.is_lost = True
        self._on_lost()
