"""What the district side needs to know: hub, database, nights, alerts, web pages."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from config.fields import Broker, ClockTime, Strict, TimeZone, is_here
from config.language import later
from config.retention import load_retention


class HubSettings(Strict):
    """From broker to database."""

    buffer_messages: int = Field(
        default=1024,
        ge=1,
        le=65_536,
        description="Messages but the backlog's held unacknowledged at most",
    )
    backlog_messages: int = Field(
        default=32, ge=1, le=65_536, description="Messages of the backlog held so at most"
    )
    buffer_mb: int = Field(
        default=16, ge=1, le=4096, description="And their bytes at most, of either, sealed, MiB"
    )
    hold_s: float = Field(
        default=2,
        ge=0,
        le=5,
        description="Full: the network waits this long, then a message is dropped "
        "(its gateway sends it again), seconds",
    )
    commit_rows: int = Field(
        default=50_000, ge=1, le=1_000_000, description="Readings in one transaction at most, about"
    )
    commit_s: float = Field(
        default=0.25,
        ge=0.01,
        le=10,
        description="A transaction holds what is stored in about this time: a live batch waits for "
        "one of the backlog, seconds",
    )
    key_refresh_s: float = Field(
        default=10, ge=0, le=3600, description="A revoked gateway is refused after this, seconds"
    )
    status_every_s: float = Field(
        default=60, gt=0, le=86_400, description="The counters are logged this often, seconds"
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address that /metrics is served on; figures, never of a person",
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65_535,
        description="Port of /metrics, one for each hub of a machine; 0: any free one; left out: "
        "no metrics",
    )


class NightlySettings(Strict):
    """The nightly recomputation and its workbook."""

    at: ClockTime = Field(default="02:00", description="Local time at which the night starts")
    report_dir: Path = Field(description="Folder the workbooks are written to")
    language: Literal["zh_CN", "en"] = Field(default="zh_CN", description="Language of the reports")
    side_sheet: bool = Field(
        default=False,
        description="The workbook shows side figures on a sheet of their own: only where all its "
        "readers treat the patients, never beside a payment scheme",
    )
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


class MailSettings(Strict):
    """Alerts by e-mail."""

    host: str = Field(min_length=1, description="The mail server")
    port: int = Field(default=587, ge=1, le=65535, description="587 is usual with STARTTLS")
    sender: str = Field(min_length=3, description="The address the mail comes from")
    username: str | None = Field(default=None, description="Where the server asks for one")
    password: SecretStr | None = Field(default=None, description="Only from the environment")
    encryption: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="none: only to a server on this machine"
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates to trust; left out: the system's"
    )

    @model_validator(mode="after")
    def _encrypted_unless_it_stays_here(self) -> Self:
        if self.encryption == "none" and not is_here(self.host):
            raise PydanticCustomError(
                "mail_plaintext", later("goes to another machine: use starttls or tls")
            )
        return self


class AlertSettings(Strict):
    """Whom alerts reach, and how."""

    language: Literal["zh_CN", "en"] = Field(default="zh_CN", description="Language of messages")
    on_call: tuple[str, ...] = Field(
        default=(), description="E-mail addresses told when nobody acknowledges a red alert"
    )
    mail: MailSettings | None = Field(default=None, description="Left out: no e-mail")
    file: Path | None = Field(
        default=None, description="Each message is appended here too, one JSON object a line"
    )


class PortalSettings(Strict):
    """The web pages of doctors, instructors, payers and auditors."""

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on")
    port: int = Field(
        default=8443, ge=0, le=65535, description="Port to listen on; 0: any free one"
    )
    public_url: str = Field(
        default="https://localhost:8443",
        pattern=r"^https?://[^/]+$",
        description="How browsers reach it: links in messages begin with it",
    )
    cert_file: Path | None = Field(default=None, description="Certificate of its own TLS, PEM")
    key_file: Path | None = Field(default=None, description="The key of `cert_file`, PEM")
    idle_min: int = Field(
        default=30, ge=1, le=1440, description="Logged out after so long without a click, minutes"
    )
    session_h: int = Field(default=10, ge=1, le=24, description="Logged out after this, hours")

    @model_validator(mode="after")
    def _certificate_with_key(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise PydanticCustomError(
                "half_certificate", later("needs cert_file and key_file together, or neither")
            )
        return self


class StorageSettings(Strict):
    """How long readings stay in the database, and how; the night sees to it."""

    policies: bool = Field(
        default=True,
        description="Off: the night compresses, drops and purges nothing (recordings played back "
        "may be years old)",
    )
    compress_after_days: int = Field(
        default=21,
        ge=15,
        le=3650,
        description="Where the server has TimescaleDB, a day is compressed so many days after it "
        "(gateways may be offline for 14)",
    )
    retain_readings_days: int | None = Field(
        default=None,
        ge=1,
        le=36_500,
        description="Readings, and the signed bytes they came in, are dropped after so many days; "
        "never before the legal floor of `config/retention.toml`. Left out: kept",
    )

    @model_validator(mode="after")
    def _as_long_as_the_law_asks(self) -> Self:
        floor = load_retention().readings_floor
        kept = self.retain_readings_days
        if kept is not None and kept < floor.value:
            raise PydanticCustomError(
                "below_floor",
                "{name} is below the legal floor",
                {
                    "name": "retain_readings_days",
                    "floor": floor.value,
                    "source": floor.source,
                },
            )
        return self


class PaymentSettings(Strict):
    """What is paid for."""

    schemes: tuple[Path, ...] = Field(
        default=(), description="Payment schemes in force, TOML; left out: none is evaluated"
    )


class BackupSettings(Strict):
    """Where backups go, and how many stay."""

    folder: Path = Field(
        default=Path("/var/backups/adhere"), description="Folder the backups are written to"
    )
    keep: int = Field(default=14, ge=1, le=3660, description="The newest so many stay")
    leave_free_mb: int = Field(
        default=1024,
        ge=0,
        le=1_000_000_000,
        description="No backup is begun that would leave less free on its disk, MiB",
    )
    programs: Path | None = Field(
        default=None,
        description="Folder of pg_dump and pg_restore; left out: those of the server's version",
    )


class ColdSettings(Strict):
    """Readings of past days in files, written by `adhere db export`."""

    folder: Path | None = Field(
        default=None,
        description="The archive's folder, for its account alone; left out: no archive",
    )
    buckets: int = Field(
        default=16,
        ge=1,
        le=1000,
        description="A day's people are divided into so many folders: one for about 250 of them",
    )
    keep_days: int = Field(
        default=92,
        ge=1,
        le=36_500,
        description="`--drop` leaves the days in the tables that ended less than so many days ago: "
        "the pages' curves are read there alone",
    )


class DistrictSettings(Strict):
    """What the district side needs to know: hub, database, nightly."""

    database_dsn: SecretStr = Field(description="Only from the environment")
    broker: Broker
    data_dir: Path = Field(description="Folder of the hub's keys")
    hub: HubSettings = HubSettings()
    nightly: NightlySettings
    alerts: AlertSettings = AlertSettings()
    portal: PortalSettings = PortalSettings()
    payment: PaymentSettings = PaymentSettings()
    storage: StorageSettings = StorageSettings()
    backup: BackupSettings = BackupSettings()
    cold: ColdSettings = ColdSettings()
    time_zone: TimeZone = Field(
        default="Asia/Shanghai", description="Zone of the nightly clock time"
    )

    @model_validator(mode="after")
    def _no_side_figures_for_a_payer(self) -> Self:
        if self.nightly.side_sheet and self.payment.schemes:
            raise PydanticCustomError(
                "side_for_payer",
                later(
                    "nightly.side_sheet and payment.schemes exclude each other: a payer reads that "
                    "workbook; doctors find side figures on the pages"
                ),
            )
        return self
