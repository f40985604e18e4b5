"""`adhere gateway check`: every part of the box, `ok`, `warn` or `bad`, and what to do."""

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.errors import Misconfigured, Unavailable
from config.gateway_settings import GatewaySettings
from config.language import _, later
from config.settings import load_gateway
from ingest.gateway.checks.finding import Finding, worst

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.batch.roster import Roster
    from ingest.gateway.checks.identity import Identity
    from ingest.gateway.radio.check import Around, HeardBand


class Part(StrEnum):
    """What can be looked at."""

    ENROLMENT = "enrolment"
    GATEWAY = "gateway"
    PERMISSIONS = "permissions"
    CLOCK = "clock"
    DISK = "disk"
    SPOOL = "spool"
    ROSTER = "roster"
    CERTIFICATE = "certificate"
    BROKER = "broker"
    SCANNERS = "scanners"
    RADIO = "radio"


STATES = {
    "scans": later("there, and listening"),
    "on": later("there, not in the settings"),
    "off": later("there, but switched off: bluetoothctl power on"),
    "missing": later("not there: is it plugged in, is its driver loaded?"),
}
SIGNS = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}


def check(
    settings: Annotated[
        Path, typer.Option("--settings", help=_("The gateway's settings file (TOML)."))
    ] = Path("/etc/adhere/gateway.toml"),
    seconds: Annotated[float, typer.Option(min=1, max=600, help=_("How long to listen."))] = 10.0,
    part: Annotated[
        list[Part] | None, typer.Option(help=_("Look at this alone; may be given again."))
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON for programs."))] = False,
) -> None:
    """Look at every part of the box, and say what is to be done. Changes nothing.

    Works beside a gateway that runs. Exit code 0: nothing is bad; 4: something is.
    """
    import asyncio

    from ingest.gateway.radio.check import look_around

    parts = part or list(Part)
    loaded = load_gateway(settings, os.environ)
    box = _Box(loaded, settings)
    findings: list[Finding] = []
    for one in parts:
        if one is not Part.RADIO:
            new = list(box.findings(one))
            findings += new
            if not as_json:
                _print(new)
    around = None
    if Part.RADIO in parts:
        adapters = loaded.radio.adapters
        registered, (claimed, new) = box.registered(), box.claimed()
        around = asyncio.run(
            look_around(
                adapters,
                registered or {},
                for_s=seconds,
                claimed=claimed,
                identity_keys=box.identity_keys(),
            )
        )
        new += radio_findings(around, adapters)
        findings += new
        if not as_json:
            _print(new)
            has_roster = registered is not None
            told = lines(around, has_adapters=bool(adapters), has_roster=has_roster)
            typer.echo("\n".join(told))
    if as_json:
        said = {"state": worst(findings), "findings": [one._asdict() for one in findings]}
        typer.echo(json.dumps(said | ({} if around is None else around.as_dict())))
    if around is not None and not is_good(around, loaded.radio.adapters):
        raise Unavailable(_("the radio is not ready: see above"))
    if worst(findings) == "bad":
        raise Unavailable(_("something is not as it should be: see above"))


class _Box:
    """One box while it is looked at: what each look needs, found once."""

    def __init__(self, settings: GatewaySettings, settings_file: Path) -> None:
        self._settings, self._settings_file = settings, settings_file
        self._said: Mapping[str, object] | None = None
        self._identity: Identity | None = None
        self._not_enrolled: str | None = None
        from ingest.gateway.checks.identity import identity_of
        from ingest.gateway.glance import glance

        try:
            self._identity = identity_of(settings)
        except Misconfigured as error:
            self._not_enrolled = str(error)
        self._silent: OSError | None = None
        try:
            self._said = glance(settings.data_dir)
        except FileNotFoundError:
            pass  # no data folder, no gateway
        except OSError as error:
            self._silent = error

    @property
    def status(self) -> "Mapping[str, object]":
        """What a running gateway says; empty where none runs."""
        status = (self._said or {}).get("status")
        return status if isinstance(status, dict) else {}

    def registered(self) -> "Mapping[str, str | None] | None":
        """Return the bands of the roster; None: there is none."""
        roster = self._roster()
        return None if roster is None else {band.device_key: band.family for band in roster.bands}

    def identity_keys(self) -> "Mapping[str, bytes]":
        """Return what the bands of the roster that change their address are known by."""
        roster = self._roster()
        return {} if roster is None else {key.device_key: key.irk for key in roster.identity_keys}

    def claimed(self) -> tuple[Collection[str], list[Finding]]:
        """Return the bands under a running claim, and what is wrong with the word of them.

        The gateway that runs knows; of one at rest its file tells what it will find.
        """
        from ingest.gateway.claims import CLAIMS_FILE, claimed_in

        bands = (self._said or {}).get("bands")
        if isinstance(bands, list):
            return {band["device_key"] for band in bands if band.get("claimed")}, []
        path = self._settings.data_dir / CLAIMS_FILE
        try:
            return claimed_in(path, time.time_ns() // 10**6), []
        except (OSError, ValueError):
            return (), [
                Finding(
                    "radio",
                    "warn",
                    _("%(path)s cannot be read: no band counts as claimed") % {"path": path},
                    _("run this as the gateway's account; else their wearers claim them anew"),
                )
            ]

    def findings(self, part: Part) -> Iterator[Finding]:
        """Yield what a look at one part finds."""
        folder = self._settings.data_dir
        with _looking(part) as failed:
            match part:
                case Part.ENROLMENT:
                    yield from self._enrolment()
                case Part.GATEWAY:
                    yield self._gateway()
                case Part.PERMISSIONS:
                    yield from self._permissions(folder)
                case Part.CLOCK:
                    yield from self._clock()
                case Part.DISK:
                    yield from self._disk(folder)
                case Part.SPOOL:
                    yield from self._spool(folder)
                case Part.ROSTER:
                    yield from self._roster_findings(folder)
                case Part.CERTIFICATE:
                    yield from self._certificate()
                case Part.BROKER | Part.SCANNERS:
                    yield from self._broker(part)
        yield from failed

    def _enrolment(self) -> Iterator[Finding]:
        from ingest.gateway.checks.identity import identity_findings

        if self._identity is None:
            yield Finding(
                "enrolment",
                "bad",
                self._not_enrolled or "",
                _("enroll it: adhere gateway enroll request, then what the district answers"),
            )
        else:
            yield from identity_findings(self._settings, self._identity)

    def _gateway(self) -> Finding:
        if self._silent is not None:
            return Finding(
                "gateway",
                "bad",
                _("it cannot be asked (%(why)s)") % {"why": self._silent.strerror},
                _("run this as the gateway's account, or as root; else look at its log"),
            )
        if self._said is None:
            return Finding(
                "gateway",
                "warn",
                _("it does not run"),
                _("systemctl start adhere-gateway; its log: journalctl -u adhere-gateway"),
            )
        if self.status.get("connected") is not True:
            return Finding(
                "gateway",
                "warn",
                _("it runs, and has no connection with the broker; readings wait in the spool"),
                _("see what is said of the broker"),
            )
        return Finding("gateway", "ok", _("it runs, and is connected with the broker"))

    def _permissions(self, folder: Path) -> Iterator[Finding]:
        from ingest.gateway.checks.permissions import permission_findings

        brokers = (self._settings.broker, self._settings.scanners.broker)
        sides = [broker.tls for broker in brokers if broker is not None and broker.tls is not None]
        keys = [tls.key_file for tls in sides if tls.key_file is not None]
        yield from permission_findings(folder, self._settings_file, keys, user_id=os.geteuid())

    def _clock(self) -> Iterator[Finding]:
        from ingest.gateway.checks.clock import clock_findings, has_battery_clock
        from ingest.gateway.kernel_time import kernel_is_synchronised

        ahead = self.status.get("hub_clock_ahead_ms")
        yield from clock_findings(
            is_synchronised=kernel_is_synchronised(),
            hub_ahead_ms=ahead if isinstance(ahead, int) else None,
            has_battery_clock=has_battery_clock(),
        )

    def _disk(self, folder: Path) -> Iterator[Finding]:
        from ingest.gateway.checks.disk import MIB, disk_findings
        from ingest.gateway.run import SPOOL_FILE

        parts = (folder / SPOOL_FILE, folder / f"{SPOOL_FILE}-wal")
        spool = sum(path.stat().st_size for path in parts if path.exists())
        yield from disk_findings(
            folder,
            quota_bytes=self._settings.spool.quota_mb * MIB,
            spool_bytes=spool,
            bands=len(self.registered() or {}),
        )

    def _spool(self, folder: Path) -> Iterator[Finding]:
        from ingest.gateway.checks.spool import aside_findings, resting_findings, running_findings
        from ingest.gateway.run import SPOOL_FILE

        if self._said is not None:
            yield from running_findings(self.status)
        elif self._identity is not None:
            yield from resting_findings(folder / SPOOL_FILE, self._identity.keys.spool_tag_key())
        yield from aside_findings(folder / SPOOL_FILE)

    def _roster_findings(self, folder: Path) -> Iterator[Finding]:
        from ingest.gateway.checks.identity import roster_findings

        if self._identity is not None:
            now_ms = time.time_ns() // 10**6
            yield from roster_findings(folder, self._identity, now_utc_ms=now_ms)

    def _certificate(self) -> Iterator[Finding]:
        from ingest.gateway.checks.certificate import certificate_findings, now_utc

        yield from certificate_findings(self._settings.broker, now=now_utc())

    def _broker(self, part: Part) -> Iterator[Finding]:
        from ingest.gateway.checks.broker import broker_findings
        from ingest.gateway.checks.scanners import away_findings, scanner_findings

        box = self._settings
        if part is Part.BROKER:
            yield from broker_findings(box.broker, centre=box.centre, gateway=box.gateway)
        else:
            yield from scanner_findings(box.scanners, box.broker)
            yield from away_findings(self.status)

    def _roster(self) -> "Roster | None":
        from config.errors import Rejected
        from ingest.gateway.checks.identity import roster_of

        if self._identity is None:
            return None
        try:
            return roster_of(self._settings.data_dir, self._identity)
        except (Rejected, OSError):
            return None


@contextmanager
def _looking(part: Part) -> Iterator[list[Finding]]:
    """Turn what may not be looked at into a finding."""
    failed: list[Finding] = []
    try:
        yield failed
    except OSError as error:
        failed.append(
            Finding(
                part.value,
                "bad",
                _("%(path)s: %(why)s") % {"path": error.filename or "", "why": error.strerror},
                _("run this as the gateway's account, or as root"),
            )
        )


def radio_findings(around: "Around", adapters: Collection[str]) -> Iterator[Finding]:
    """Yield how the bus and the adapters of the settings are."""
    if not around.bus:
        yield Finding(
            "radio",
            "bad",
            _("the system bus does not answer"),
            _("systemctl status dbus bluetooth; the account needs the right to speak with BlueZ"),
        )
        return
    if not adapters:
        yield Finding(
            "radio",
            "warn",
            _("no adapter is in the settings: no band is heard"),
            _("write the addresses below into the settings: [radio] adapters"),
        )
    for address in adapters:
        state = around.adapters.get(address, "missing")
        says = f"{address}  {_state(state)}"
        yield Finding("radio", "ok" if state == "scans" else "bad", says)


def lines(around: "Around", *, has_adapters: bool, has_roster: bool) -> list[str]:
    """Return what was found on the air, as text for the terminal."""
    if not around.bus:
        return [_("The system bus does not answer: is D-Bus running, and may this user reach it?")]
    told = [_("Adapters:")]
    told += [f"  {address}  {_state(state)}" for address, state in sorted(around.adapters.items())]
    if not around.adapters:
        told.append("  " + _("none: is bluetoothd running (systemctl status bluetooth)?"))
    if not has_adapters:
        told.append(_("Write the addresses to use into the settings: [radio] adapters."))
        return told
    if not has_roster:
        told.append(_("No roster has come from the district yet: no band counts as registered."))
    told.append(_("Bands heard now:"))
    for address, band in sorted(around.bands.items()):
        families = " ".join(band.families) or "?"
        told.append(f"  {address}  {band.rssi_dbm:4d} dBm  {_whose(band):16}  {families}")
    if not around.bands:
        told.append("  " + _("none"))
    told.append(_("Other devices in reach: %(count)d") % {"count": around.others})
    return told


def _whose(band: "HeardBand") -> str:
    if band.registered:
        return _("registered")
    return _("claimed") if band.claimed else _("not registered")


def is_good(around: "Around", adapters: Collection[str]) -> bool:
    """Say whether every adapter of the settings listens."""
    return around.bus and all(around.adapters.get(address) == "scans" for address in adapters)


def _state(state: str) -> str:
    words = STATES.get(state)
    return (
        _(words)
        if words is not None
        else _("there, but it does not scan: %(why)s") % {"why": state}
    )


def _print(findings: Iterable[Finding]) -> None:
    for one in findings:
        typer.echo(f"{SIGNS[one.state]}  {one.part:12} {one.says}")
        if one.do:
            typer.echo(f"      {'':12} -> {one.do}")
