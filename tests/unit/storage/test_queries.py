"""Named SQL: each name once, each query used."""

from pathlib import Path

import pytest

from storage import queries

ROOT = Path(__file__).resolve().parents[3]


def test_a_query_is_its_text_without_the_name():
    assert queries.query("find_device").startswith("SELECT id FROM device")


def test_a_name_that_stands_twice_is_an_error(tmp_path, monkeypatch):
    for name in ("a.sql", "b.sql"):
        (tmp_path / name).write_text("-- name: twice\nSELECT 1;\n")
    monkeypatch.setattr(queries, "SQL_DIR", tmp_path)

    with pytest.raises(ValueError, match=r"b\.sql: query twice"):
        queries.queries.__wrapped__()


def test_every_query_is_used_by_somebody():
    code = "\n".join(
        path.read_text("utf-8")
        for folder in ("storage", "reports", "scripts", "ingest", "alerts", "portal")
        for path in (ROOT / folder).rglob("*.py")
    )

    unused = [
        name
        for name in queries.queries()
        if f'"{name}"' not in code and f'"{name.partition("_")[0]}_{{' not in code
    ]
    assert unused == []
