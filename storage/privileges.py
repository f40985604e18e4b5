"""What each role may do, as it is declared and as the server has it.

`privileges.toml` declares it: role, right, and the tables, or some of their columns in brackets.
A migration grants; a test holds the two together, and `adhere db roles` tells where they differ.
"""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple

from storage.database import Connection, border
from storage.queries import query
from storage.roles import LOGINS, WHO, Role

PRIVILEGES_FILE = Path(__file__).with_name("privileges.toml")
RIGHTS = ("select", "insert", "update", "delete", "execute")
_NAMED = re.compile(r"(\w+)(?: \(([\w, ]+)\))?")


class Right(NamedTuple):
    """One right of one role on one table, view or function."""

    grantee: str
    """A role's name, or PUBLIC."""
    right: str
    """In small letters, as RIGHTS has them."""
    target: str
    columns: tuple[str, ...] = ()
    """In order of their names; none: the whole table."""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.grantee}: {self.right} {named(self)}"


def named(right: Right) -> str:
    """Return what the right is on, as the file writes it."""
    return f"{right.target} ({', '.join(right.columns)})" if right.columns else right.target


def declared(path: Path = PRIVILEGES_FILE) -> frozenset[Right]:
    """Return every right that is declared.

    Raises ValueError where the file names a role or a right that there is not, or one twice.
    """
    found: set[Right] = set()
    for role, rights in tomllib.loads(path.read_text("utf-8")).items():
        grantee = Role(role)
        for right, targets in rights.items():
            if right not in RIGHTS:
                raise ValueError(f"{path.name}: there is no right {right}")
            for text in targets:
                one = _parsed(grantee, right, text)
                if any(one[:3] == other[:3] for other in found):
                    raise ValueError(f"{path.name}: {one} stands twice")
                found.add(one)
    return frozenset(found)


def _parsed(role: Role, right: str, text: str) -> Right:
    match = _NAMED.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no table and no table with columns")
    columns = match[2].split(", ") if match[2] else []
    return Right(str(role), right, match[1], tuple(sorted(columns)))


def granted(conn: Connection) -> frozenset[Right]:
    """Return every right on what is ours that the server gives anybody but the owner."""
    with border():
        rows = conn.execute(query("granted_rights")).fetchall()
    return frozenset(
        Right(grantee, right, target, tuple(columns or ()))
        for grantee, right, target, columns in rows
    )


class Difference(NamedTuple):
    """Where server and declaration differ; each in order."""

    missing: tuple[Right, ...]
    """Declared, but not granted: some process will fail."""
    beyond: tuple[Right, ...]
    """Granted, but not declared: somebody may do more than is needed."""


def difference(conn: Connection) -> Difference:
    """Return where the server's rights differ from what is declared."""
    wanted, there = declared(), granted(conn)
    return Difference(tuple(sorted(wanted - there)), tuple(sorted(there - wanted)))


_HEAD = """\
# Roles

Generated from `storage/privileges.toml` and `storage/roles.py` by `python -m scripts.roles_page`.
A test fails when it differs, and another one where the server's rights are not these.

The tables belong to whoever migrates; no process works as that.
Each process works as one of the group roles below, whatever its login may do besides; a login is
made a member of no other ([how to](../howto/install-district.md#3-the-database)).
Whom a page may show is decided by [row security](../why/row-security.md) besides.
PUBLIC may do nothing.
What the tables hold: [tables](tables.md).
"""


def page() -> str:
    """Return the reference page, in Markdown."""
    rights = declared()
    lines = [_HEAD]
    for role in Role:
        users = ", ".join(f"`{name}`" for name, roles in LOGINS.items() if role in roles)
        lines += [f"## {role}\n", WHO[role], f"Login of a process: {users or 'none'}.\n"]
        lines += ["| may | what |", "|---|---|"]
        for right in RIGHTS:
            mine = [one for one in rights if (one.grantee, one.right) == (role, right)]
            if mine:
                targets = sorted(map(named, mine))
                lines.append(f"| {right} | {', '.join(targets)} |")
        lines.append("")
    return "\n".join(lines)
