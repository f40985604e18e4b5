"""A box made for a measurement: its keys, its enrolment, a roster of made-up wearers, settings."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ingest.batch.content import Content, unpack
from ingest.batch.enrolment import Answer, dump, make_request
from ingest.batch.envelope import open_sealed
from ingest.batch.keys import Keys, make_keys, save_keys
from ingest.batch.roster import Roster, RosterBand, seal_roster
from ingest.batch.to_hub import HubSecrets
from ingest.broker import LOOPBACK
from ingest.gateway import ENROLMENT_FILE, KEY_FILE
from ingest.gateway.rosters import ROSTER_FILE

CENTRE, GATEWAY = "bench", "hall-1"
LONG_AGO_MS, FAR_OFF_MS = 1_700_000_000_000, 4_000_000_000_000
"""From 2023 to 2096: the made-up roster holds on any day of measurement."""
CEILING_BPM, ZONE_LO_BPM, ZONE_HI_BPM = 250.0, 100.0, 140.0
"""Of the made-up wearers: every pulse is judged, and none is an alarm."""


@dataclass(frozen=True)
class Box:
    """One box, known to one hub, and to nobody else."""

    folder: Path
    """Its data folder, with the spool to come."""
    settings_path: Path
    broker_port: int
    keys: Keys = field(default_factory=make_keys)
    hub_keys: Keys = field(default_factory=make_keys)

    def make(self) -> None:
        """Make folder, key and enrolment."""
        self.folder.mkdir(mode=0o700, parents=True)
        save_keys(self.folder / KEY_FILE, self.keys)
        answer = Answer.signed(
            self.hub_keys,
            make_request(self.keys),
            centre=CENTRE,
            gateway=GATEWAY,
            broker_host=LOOPBACK,
            broker_port=self.broker_port,
        )
        (self.folder / ENROLMENT_FILE).write_bytes(dump(answer))

    def register(self, families: Mapping[str, str]) -> None:
        """Give it a roster of these bands (address to family), each with a wearer."""
        bands = tuple(
            RosterBand(
                device_key=address.lower(),
                family=family,
                subject=f"p{number:03d}",
                worn_from_ms=LONG_AGO_MS,
                worn_until_ms=None,
                ceiling_bpm=CEILING_BPM,
                zone_lo_bpm=ZONE_LO_BPM,
                zone_hi_bpm=ZONE_HI_BPM,
            )
            for number, (address, family) in enumerate(families.items(), start=1)
        )
        roster = Roster(CENTRE, GATEWAY, 1, LONG_AGO_MS, FAR_OFF_MS, bands)
        sealed = seal_roster(roster, self.hub_keys.signing, [self.keys.public.encryption])
        (self.folder / ROSTER_FILE).write_bytes(sealed)

    def opened(self, sealed: bytes) -> Content:
        """Return what a batch of this box says; raise Rejected where it is none."""
        secrets = HubSecrets([self.hub_keys.encryption])
        decrypt = partial(secrets.decrypted, centre=CENTRE, gateway=GATEWAY)
        return unpack(open_sealed(sealed, self.keys.public.signing, decrypt))

    def write_settings(
        self,
        *,
        adapters: Sequence[str] = (),
        links_per_adapter: int = 5,
        quota_mb: int = 1024,
        username: str | None = None,
        resend_after_s: float = 30.0,
        seal_after_s: float = 5.0,
    ) -> None:
        """Write its settings file; a password of the broker goes by the environment."""
        lines = [
            f"centre = {json.dumps(CENTRE)}",
            f"gateway = {json.dumps(GATEWAY)}",
            f"data_dir = {json.dumps(str(self.folder))}",
            "[broker]",
            f"host = {json.dumps(LOOPBACK)}",
            f"port = {self.broker_port}",
            *([f"username = {json.dumps(username)}"] if username else []),
            "[spool]",
            f"quota_mb = {quota_mb}",
            "[uplink]",
            f"resend_after_s = {resend_after_s}",
            f"seal_after_s = {seal_after_s}",
            "[radio]",
            f"adapters = {json.dumps(list(adapters))}",
            f"links_per_adapter = {links_per_adapter}",
        ]
        self.settings_path.write_text("\n".join(lines) + "\n", "utf-8")


def environment() -> dict[str, str]:
    """Return this process's environment without what is meant for another installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ADHERE_")}
