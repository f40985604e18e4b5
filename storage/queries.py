"""Named SQL: `storage/sql/<noun>.sql` holds blocks that start with `-- name: <name>`.

Values never enter these texts; they are parameters. This is the one place where a text read from a
file is taken for a literal.
"""

import re
from functools import cache
from pathlib import Path
from typing import LiteralString, cast

SQL_DIR = Path(__file__).with_name("sql")
_NAME = re.compile(r"^-- name: ([a-z0-9_]+)$", re.MULTILINE)


@cache
def queries() -> dict[str, LiteralString]:
    """Return every query by its name; a name that stands twice is an error."""
    found: dict[str, LiteralString] = {}
    for path in sorted(SQL_DIR.glob("*.sql")):
        _before, *blocks = _NAME.split(path.read_text("utf-8"))
        for name, text in zip(blocks[::2], blocks[1::2], strict=True):
            if name in found:
                raise ValueError(f"{path.name}: query {name} stands twice")
            found[name] = cast("LiteralString", text.strip())
    return found


def query(name: str) -> LiteralString:
    """Return one query by its name."""
    return queries()[name]
