"""manifest.json of a backup: of what it was taken, and what a restore is compared with."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from config.errors import Misconfigured
from config.language import _
from storage.audit_chain import Anchor
from storage.backup.content import Content, Table

NAME = "manifest.json"
FORMAT = 1
NOT_IN_IT = ("keys of the hub", "settings", "secrets", "certificates", "reports", "exported days")


class Noted(NamedTuple):
    """A role that owns something or was granted something; never its password."""

    name: str
    can_login: bool
    bypasses_row_security: bool
    makes_roles: bool
    member_of: list[str]


class Server(NamedTuple):
    """Where the backup was taken."""

    database: str
    version: str
    major: int
    timescale: str | None
    encoding: str
    collation: str
    size_bytes: int
    owner: str | None
    """Of our tables."""
    access: list[list[str]]
    """The rights on the database itself: PUBLIC or a role, and what it may. In no dump."""
    settings: list[str]
    """Of the database itself."""
    roles: list[Noted]


class Manifest(NamedTuple):
    """Everything a backup says of itself."""

    taken_at: datetime
    """UTC; what was committed later is not in it."""
    program: str
    pg_dump: int
    server: Server
    migrations: list[str]
    content: Content
    dump_s: float

    def write(self, folder: Path) -> None:
        """Write `manifest.json` into a backup's folder."""
        said = {
            "format": FORMAT,
            "taken_at": self.taken_at.isoformat(),
            "program": self.program,
            "pg_dump": self.pg_dump,
            "dump_s": round(self.dump_s, 3),
            "not_in_it": NOT_IN_IT,
            "server": self.server._asdict()
            | {"roles": [role._asdict() for role in self.server.roles]},
            "migrations": self.migrations,
            "audit": {
                "anchor": str(self.content.anchor) if self.content.anchor else None,
                "unsealed": self.content.unsealed,
            },
            "tables": {
                name: {"rows": table.rows, "hash": f"{table.hash:016x}"}
                for name, table in self.content.tables.items()
            },
        }
        (folder / NAME).write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", "utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read it back, after its hash was verified; raises Misconfigured for a newer format."""
        said: dict[str, Any] = json.loads((folder / NAME).read_text("utf-8"))
        if said["format"] > FORMAT:
            raise Misconfigured(
                _("%(path)s was written by a newer program: restore it with that one")
                % {"path": folder / NAME}
            )
        roles = [Noted(**role) for role in said["server"].pop("roles")]
        anchor = said["audit"]["anchor"]
        return cls(
            taken_at=datetime.fromisoformat(said["taken_at"]).astimezone(UTC),
            program=said["program"],
            pg_dump=said["pg_dump"],
            server=Server(**said["server"], roles=roles),
            migrations=said["migrations"],
            content=Content(
                {
                    name: Table(table["rows"], int(table["hash"], 16))
                    for name, table in said["tables"].items()
                },
                Anchor.read(anchor) if anchor else None,
                said["audit"]["unsealed"],
            ),
            dump_s=said["dump_s"],
        )
