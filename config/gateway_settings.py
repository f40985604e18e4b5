"""What one box in a centre needs to know."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.fields import Broker, Code, Strict, TimeZone

AdapterAddress = Annotated[str, Field(pattern=r"^([0-9A-F]{2}:){5}[0-9A-F]{2}$")]


class SpoolSettings(Strict):
    """The gateway's own store: readings stay there until the hub has committed them."""

    quota_mb: int = Field(
        default=1024,
        ge=8,
        le=1_000_000,
        description="Largest size of the spool file, MiB; the default holds 14 days of 40 bands at "
        "1 Hz several times over. Keep as much free on the disk, and 64 MiB more",
    )
    refused_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="Batches that the hub has refused for good are given up after so long, and "
        "declared to the hub as lost, days",
    )


class UplinkSettings(Strict):
    """How readings leave the gateway."""

    seal_after_s: float = Field(
        default=4.0,
        gt=0,
        le=300,
        description="A live batch is sealed and sent this often, seconds; up to 300 by itself "
        "where the network is slow or away",
    )
    resend_after_s: float = Field(
        default=30.0, ge=1, le=3600, description="Send again what has no receipt, seconds"
    )
    encrypt: bool = Field(
        default=True,
        description="Batches are encrypted to the hub: neither the broker nor who takes the box "
        "can read what was sealed. False only for a hub older than that",
    )


class RadioSettings(Strict):
    """Listening to bands. Without adapters the box hears none and only sends what it is given."""

    adapters: tuple[AdapterAddress, ...] = Field(
        default=(),
        description="Bluetooth addresses of the adapters to use, such as 00:1A:7D:DA:71:11",
    )
    links_per_adapter: int = Field(
        default=5, ge=0, le=32, description="Bands connected at a time on one adapter, at most"
    )
    silent_after_s: float = Field(
        default=30,
        ge=5,
        le=3600,
        description="A connected band that says nothing for this long is connected anew, seconds",
    )
    poll_every_s: float = Field(
        default=900,
        ge=60,
        le=86_400,
        description="A band that is read and then left is read this often, seconds",
    )
    session_bpm: float = Field(
        default=100,
        ge=60,
        le=200,
        description="A live pulse at or above this is one of exercise: its band keeps its link",
    )
    time_zone: TimeZone = Field(
        default="Asia/Shanghai", description="Time zone that the bands' own clocks are set to"
    )


TopicPrefix = Annotated[str, Field(pattern=r"^[^+#/\x00][^+#\x00]*[^+#/\x00]$|^[^+#/\x00]$")]
Topic = Annotated[str, Field(pattern=r"^[^+#\x00]+$", max_length=1000)]


class ScannerSettings(Strict):
    """Bands heard by scanners over MQTT: OpenMQTTGateway and Theengs Gateway, and phones."""

    prefixes: tuple[TopicPrefix, ...] = Field(
        default=(),
        description="First levels of the scanners' topics, such as home: then "
        "home/+/BTtoMQTT/+ is listened to; empty: no scanner",
    )
    phones: dict[Topic, str] = Field(
        default={},
        description="Phones with hr_push: topic, and the registered band whose pulse it carries",
    )
    broker: Broker | None = Field(
        default=None, description="Where they publish; left out: the gateway's own broker"
    )


class OnsiteSettings(Strict):
    """The page shown on the box's own screen: who is here, and who must slow down."""

    port: int = Field(
        default=0, ge=0, le=65535, description="Port of the page at 127.0.0.1; 0: no page"
    )
    language: Literal["zh_CN", "en"] = Field(default="zh_CN", description="Language of the page")
    # Longer than a walk to the water or a battery of stretches on a mat, shorter than the change
    # from one group to the next; a watch that is started anew has another address anyway.
    claim_silent_after_min: float = Field(
        default=15,
        ge=2,
        le=240,
        description="A band claimed on the page is nobody's again after so long without a pulse, "
        "minutes",
    )


class GatewaySettings(Strict):
    """What one box in a centre needs to know."""

    centre: Code = Field(description="The centre's short name")
    gateway: Code = Field(description="This box's short name, unique in its centre")
    data_dir: Path = Field(description="Folder of keys and spool, on a disk that keeps its word")
    broker: Broker
    spool: SpoolSettings = SpoolSettings()
    uplink: UplinkSettings = UplinkSettings()
    radio: RadioSettings = RadioSettings()
    scanners: ScannerSettings = ScannerSettings()
    onsite: OnsiteSettings = OnsiteSettings()
