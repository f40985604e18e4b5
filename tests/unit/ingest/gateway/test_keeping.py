"""What the keeper knows of what waits in the spool."""

import asyncio
from functools import partial

from ingest.gateway import disk
from ingest.gateway.clock import ContentClock
from ingest.gateway.heard import Heard
from ingest.gateway.keeping import Keeper
from ingest.gateway.spool import Spool
from tests.unit.ingest.gateway.conftest import pulses


def test_only_what_waited_when_the_spool_was_opened_may_be_of_an_unknown_time(tmp_path):
    open_spool = partial(Spool, tmp_path / "spool.sqlite", bytes(32), quota_pages=1000)

    async def unsure(readings):
        async with disk.opened(open_spool) as opened:
            keeper = Keeper("hall-1", opened, ContentClock())
            await keeper.keep(Heard(readings, "backlog"))
            keeper.spool_opened()  # told only now that it is open
            return keeper.has_unsure

    assert asyncio.run(unsure(pulses(3))) is False
    assert asyncio.run(unsure(pulses(3, 3))) is True
