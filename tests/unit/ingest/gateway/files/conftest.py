from types import SimpleNamespace

import pytest

from config.errors import Rejected
from ingest.batch.reading import Reading
from ingest.gateway.files.found import Asked, BadRecord, Left
from ingest.gateway.files.reader import read

BAND = "C0:FF:EE:00:00:01"
NOON_UTC_MS = 1_767_268_800_000
"""2026-01-01T12:00:00Z"""


@pytest.fixture
def found(tmp_path):
    """Reads bytes as a file; returns its readings, bad records, what was left, and the fault."""

    def found(data, **asked):
        path = tmp_path / "a file"
        path.write_bytes(data)
        got = SimpleNamespace(readings=[], bad=[], left=[], fault=None)
        lists = {Reading: got.readings, BadRecord: got.bad, Left: got.left}
        try:
            for one in read(path, Asked(BAND, **asked)):
                lists[type(one)].append(one)
        except Rejected as error:
            got.fault = error.reason
        return got

    return found
