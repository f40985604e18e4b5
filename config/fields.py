"""What settings of both halves of the house are made of."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from config.language import later


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
        if self.tls is None and not self.allow_plaintext and not is_here(self.host):
            raise PydanticCustomError(
                "plaintext",
                later(
                    "goes to another machine without TLS: add [broker.tls] with ca_file, or write "
                    "allow_plaintext = true if you trust the network"
                ),
            )
        return self


def is_here(host: str) -> bool:
    """Say whether a host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
