"""Write storage/schema.sql and docs/reference/tables.md anew, after a migration was added."""

import tempfile
from pathlib import Path

from storage.database import connect
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.schema import SCHEMA_FILE, dump, tables_page

ROOT = Path(__file__).resolve().parents[1]
TABLES_PAGE = ROOT / "docs" / "reference" / "tables.md"


def main() -> None:
    """Migrate an empty database and write down what it looks like."""
    with tempfile.TemporaryDirectory(prefix="adhere-schema-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "pg", base=folder / "base") as server:
            with connect(server.dsn) as conn:
                migrate(conn)
                TABLES_PAGE.write_text(tables_page(conn), "utf-8")
            SCHEMA_FILE.write_text(dump(server.programs, server.dsn), "utf-8")


if __name__ == "__main__":
    main()
