"""`adhere bench backup` in little: it says what a backup and its restore take."""

from scripts.bench.backup import as_json, run


def test_made_up_nights_are_backed_up_and_come_back(postgres, tmp_path):
    measured = run(tmp_path, postgres.dsn, 10_000, lambda *_: None)

    told = as_json(measured)
    assert told["passed"]
    assert told["rows"] > told["readings"] > 9_000
    assert told["audit_rows"] >= 100
    assert 0 < told["backup_mb"] < told["database_mb"]
