"""Settings of the two halves of the house: a gateway in a centre, and the district.

Read once, by the entry point; each part of the program is given its own part (`settings.spool`).
Secrets come from the environment alone; a faulty value is never printed, for it may be one.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from config.district_settings import DistrictSettings
from config.errors import Misconfigured
from config.faults import describe
from config.gateway_settings import GatewaySettings
from config.language import _

BROKER_PASSWORD = "ADHERE_BROKER_PASSWORD"  # noqa: S105 - the variable's name, no password
SCANNERS_PASSWORD = "ADHERE_SCANNERS_PASSWORD"  # noqa: S105 - as above
MAIL_PASSWORD = "ADHERE_MAIL_PASSWORD"  # noqa: S105 - as above
DATABASE_DSN = "ADHERE_DATABASE_DSN"

Settings = TypeVar("Settings", GatewaySettings, DistrictSettings)

SECRETS: Mapping[type[BaseModel], Mapping[tuple[str, ...], str]] = {
    GatewaySettings: {
        ("broker", "password"): BROKER_PASSWORD,
        ("scanners", "broker", "password"): SCANNERS_PASSWORD,
    },
    DistrictSettings: {
        ("broker", "password"): BROKER_PASSWORD,
        ("alerts", "mail", "password"): MAIL_PASSWORD,
        ("database_dsn",): DATABASE_DSN,
    },
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
