"""Settings of the two halves of the house: a gateway in a centre, and the district.

Read once, by the entry point; each part of the program is given its own part (`settings.spool`).
Secrets come from the environment alone; a faulty value is never printed, for it may be one.
"""

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from config.errors import Misconfigured
from config.faults import describe
from config.language import _, later

BROKER_PASSWORD = "ADHERE_BROKER_PASSWORD"  # noqa: S105 - the variable's name, no password
DATABASE_DSN = "ADHERE_DATABASE_DSN"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError(
            "time_zone", later("is no time zone of this machine (write one like Asia/Shanghai)")
        ) from None
    return name


Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A centre's or gateway's short name: it becomes a level of an MQTT topic."""

ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Strict(BaseModel):
    """Frozen; an unknown key is an error; a faulty value is never printed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Tls(Strict):
    """Encryption of the way to the broker, and optionally this box's own certificate."""

    ca_file: Path = Field(description="Certificates to trust, PEM")
    cert_file: Path | None = Field(default=None, description="This machine's certificate, PEM")
    key_file: Path | None = Field(default=None, description="The key of `cert_file`, PEM")

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise PydanticCustomError(
                "half_certificate", later("needs cert_file and key_file together, or neither")
            )
        return self


class Broker(Strict):
    """The MQTT broker, as this machine reaches it."""

    host: str = Field(min_length=1, description="Name or address of the broker")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    username: str | None = Field(default=None, description="Where the broker asks for one")
    password: SecretStr | None = Field(default=None, description="Only from the environment")
    tls: Tls | None = Field(default=None, description="Left out: no encryption")
    allow_plaintext: bool = Field(
        default=False,
        description="Say true to go without TLS to another machine, in a network you trust: "
        "batches are signed, but anyone on the way could read them",
    )
    keepalive_s: int = Field(default=60, ge=5, le=3600, description="MQTT keep-alive, seconds")

    @model_validator(mode="after")
    def _encrypted_or_said_so(self) -> Self:
        if self.tls is None and not self.allow_plaintext and not _is_here(self.host):
            raise PydanticCustomError(
                "plaintext",
                later(
                    "goes to another machine without TLS: add [broker.tls] with ca_file, or write "
                    "allow_plaintext = true if you trust the network"
                ),
            )
        return self


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class SpoolSettings(Strict):
    """The gateway's own store: readings stay there until the hub has committed them."""

    quota_mb: int = Field(
        default=1024, ge=8, le=1_000_000, description="Largest size of the spool file, MiB"
    )


class UplinkSettings(Strict):
    """How readings leave the gateway."""

    seal_after_s: float = Field(
        default=5.0, gt=0, le=300, description="A live batch is sealed and sent this often, seconds"
    )
    resend_after_s: float = Field(
        default=30.0, ge=1, le=3600, description="Send again what has no receipt, seconds"
    )


class GatewaySettings(Strict):
    """What one box in a centre needs to know."""

    centre: Code = Field(description="The centre's short name")
    gateway: Code = Field(description="This box's short name, unique in its centre")
    data_dir: Path = Field(description="Folder of keys and spool, on a disk that keeps its word")
    broker: Broker
    spool: SpoolSettings = SpoolSettings()
    uplink: UplinkSettings = UplinkSettings()


class HubSettings(Strict):
    """From broker to database."""

    buffer_messages: int = Field(
        default=256, ge=1, le=65_536, description="Messages held unacknowledged at most"
    )
    buffer_mb: int = Field(
        default=16, ge=1, le=4096, description="And their bytes at most, sealed, MiB"
    )
    hold_s: float = Field(
        default=2,
        ge=0,
        le=5,
        description="Full: the network waits this long, then a message is dropped "
        "(its gateway sends it again), seconds",
    )
    commit_rows: int = Field(
        default=50_000, ge=1, le=1_000_000, description="Readings in one transaction, about"
    )
    key_refresh_s: float = Field(
        default=10, ge=0, le=3600, description="A revoked gateway is refused after this, seconds"
    )
    status_every_s: float = Field(
        default=60, gt=0, le=86_400, description="The counters are logged this often, seconds"
    )


class NightlySettings(Strict):
    """The nightly recomputation and its workbook."""

    at: ClockTime = Field(default="02:00", description="Local time at which the night starts")
    report_dir: Path = Field(description="Folder the workbooks are written to")
    language: Literal["zh_CN", "en"] = Field(default="zh_CN", description="Language of the reports")
    opens: ClockTime = Field(
        default="08:00", description="Local time from which a centre's gateways must be up"
    )
    closes: ClockTime = Field(
        default="20:00", description="Local time until which a centre's gateways must be up"
    )

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens >= self.closes:  # both HH:MM, so text compares as time
            raise PydanticCustomError("opening_hours", later("opens must be earlier than closes"))
        return self


class DistrictSettings(Strict):
    """What the district side needs to know: hub, database, nightly."""

    database_dsn: SecretStr = Field(description="Only from the environment")
    broker: Broker
    data_dir: Path = Field(description="Folder of the hub's keys")
    hub: HubSettings = HubSettings()
    nightly: NightlySettings
    time_zone: TimeZone = Field(
        default="Asia/Shanghai", description="Zone of the nightly clock time"
    )


Settings = TypeVar("Settings", GatewaySettings, DistrictSettings)

SECRETS: Mapping[type[BaseModel], Mapping[tuple[str, ...], str]] = {
    GatewaySettings: {("broker", "password"): BROKER_PASSWORD},
    DistrictSettings: {("broker", "password"): BROKER_PASSWORD, ("database_dsn",): DATABASE_DSN},
}
"""Which settings come from which environment variable, and from nowhere else."""


def load_gateway(path: Path, environ: Mapping[str, str]) -> GatewaySettings:
    """Read a gateway's settings; raise Misconfigured with every fault at once."""
    return _load(GatewaySettings, path, environ)


def load_district(path: Path, environ: Mapping[str, str]) -> DistrictSettings:
    """Read the district's settings; raise Misconfigured with every fault at once."""
    return _load(DistrictSettings, path, environ)


def database_dsn(environ: Mapping[str, str]) -> SecretStr:
    """Return the database's DSN for a command that needs nothing else of the settings."""
    dsn = environ.get(DATABASE_DSN)
    if not dsn:
        raise Misconfigured(
            _("set %(variable)s to the database, for example postgresql://adhere@localhost/adhere")
            % {"variable": DATABASE_DSN}
        )
    return SecretStr(dsn)


def _load(model: type[Settings], path: Path, environ: Mapping[str, str]) -> Settings:
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(
            _("%(path)s cannot be read (%(why)s): give the settings file's path")
            % {"path": path, "why": error.strerror}
        ) from error
    except UnicodeDecodeError as error:
        raise Misconfigured(_("%(path)s is not UTF-8 text") % {"path": path}) from error
    except tomllib.TOMLDecodeError as error:
        # The parser's own words may quote the file; only the place is safe to show.
        place = re.search(r"\(at (.+)\)$", str(error))
        raise Misconfigured(
            _("%(path)s is not valid TOML (at %(place)s)")
            % {"path": path, "place": place.group(1) if place else "?"}
        ) from None
    faults = _secrets(model, values, environ)
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        faults += describe(error, model, SECRETS[model])
    else:
        if not faults:
            return settings
    raise Misconfigured("\n".join(f"{path}: {fault}" for fault in faults))


def _secrets(
    model: type[BaseModel], values: dict[str, Any], environ: Mapping[str, str]
) -> list[str]:
    """Put the secrets of the environment into `values`; return a fault for each one in the file."""
    faults = []
    for keys, variable in SECRETS[model].items():
        *tables, key = keys
        table: Any = values
        for name in tables:
            table = table.get(name) if isinstance(table, dict) else None
        if not isinstance(table, dict):
            continue  # validation says what is wrong with the table itself
        if key in table:
            faults.append(
                _("%(key)s: a secret does not belong in a file; set %(variable)s instead")
                % {"key": ".".join(keys), "variable": variable}
            )
        elif environ.get(variable):
            table[key] = environ[variable]
    return faults
