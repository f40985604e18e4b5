"""How things stand, told: to the status file, the hub, the live table, and systemd."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from config.gateway_settings import GatewaySettings
from ingest.gateway import status
from ingest.gateway.clock import Clock
from ingest.gateway.disk import Disk
from ingest.gateway.files.inbox import Inbox
from ingest.gateway.glance import showing
from ingest.gateway.keeping import Keeper
from ingest.gateway.safety import Edge
from ingest.gateway.status import Status
from ingest.gateway.uplink import Uplink

log = structlog.get_logger()

STATUS_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Teller:
    """Looks at the parts of a gateway, and says what they did."""

    settings: GatewaySettings
    spool: Disk
    keeper: Keeper
    uplink: Uplink
    clock: Clock
    edge: Edge | None
    inbox: Inbox | None
    radio: Callable[[], Mapping[str, object]]
    """What became of everything on the air."""
    scanners: Callable[[], Mapping[str, object]]
    look: Callable[[], Mapping[str, object]]
    """What `adhere gateway top` shows beside the status."""

    async def report(self) -> None:
        """Tell how things stand, every few seconds."""
        while True:
            now = self.status()
            await asyncio.to_thread(self.write, now)
            self.uplink.say_state()
            await asyncio.sleep(STATUS_EVERY_S)

    def write(self, now: Status) -> None:
        """Write the status file; a full disk costs it, and nothing else."""
        try:
            status.write(self.settings.data_dir, now)
        except OSError as error:
            log.error("status_not_written", gateway=now.gateway, why=error.strerror)  # noqa: TRY400 - foreseen

    async def show(self) -> None:
        """Answer `adhere gateway top`; where no socket can be, that alone is lost."""
        try:
            async with showing(self.settings.data_dir, self._at_a_glance):
                await asyncio.Event().wait()
        except OSError as error:
            log.error("glance_cannot_listen", why=error.strerror)  # noqa: TRY400 - foreseen

    def _at_a_glance(self) -> Mapping[str, object]:
        return {"status": self.status().as_dict(), **self.look()}

    def in_words(self) -> str:
        """Say in a line how things stand: `systemctl status` shows it."""
        reached = "reached" if self.uplink.traffic.connected else "NOT reached"
        waiting = self.spool.unsettled_batches
        stored = "" if self.keeper.can_store else ", NOTHING CAN BE STORED"
        return f"district {reached}, {waiting} batches wait{stored}"

    def status(self) -> Status:
        """Say what all parts have counted."""
        count, traffic = self.spool.counters, self.uplink.traffic
        return Status(
            centre=self.settings.centre,
            gateway=self.settings.gateway,
            at_utc_ms=time.time_ns() // 10**6,
            connected=traffic.connected,
            boot=self.spool.boot.hex(),
            stored=count["stored"],
            sealed=count["sealed"],
            receipted=count["receipted"],
            refused=count["refused"],
            released=count["released"],
            damaged=count["lost_unsealed"] + count["lost_sealed"],
            unsealed=self.spool.unsealed_readings,
            waiting_batches=self.spool.unsettled_batches,
            refused_batches=count["refused_batches"],
            bad_input=count["bad_input"],
            spool_rebuilt=count["rebuilt"],
            spool_full=self.keeper.times_full,
            storing=self.keeper.can_store,
            disk_faults=self.spool.faults,
            sent=traffic.sent_readings,
            sent_batches=traffic.sent_batches,
            resent_batches=traffic.resent_batches,
            receipts_rejected=traffic.receipts_rejected,
            hub_clock_ahead_ms=traffic.hub_clock_ahead_ms,
            clock_known=self.clock.is_known(),
            clock_contradicted=self.clock.is_contradicted(),
            clock_jumps=self.clock.jumps,
            clock_corrected=count["corrected"],
            clock_suspect=count["clock_suspect"],
            mqtt=self.uplink.dialect.name,
            hub_listens=self.uplink.is_heard,
            broker_refusals=self.uplink.not_taken,
            spool_used=round(self.spool.share_used, 4),
            has_ballast=self.spool.has_ballast,
            spool_s={part: round(spent, 3) for part, spent in self.spool.seconds.items()},
            on_disk_after_s=self.keeper.ages.summary(),
            edge={} if self.edge is None else self.edge.status(),
            radio=self.radio(),
            files={} if self.inbox is None else self.inbox.status(),
            scanners=self.scanners(),
        )
