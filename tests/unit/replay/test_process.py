"""Our own commands as subprocesses: what they say of themselves is noticed, and how they end."""

import asyncio

import pytest

from config.errors import Unavailable
from scripts.replay.process import started, until_ready


async def run(folder, *arguments):
    async with started(
        [*arguments], name="the hub", ready="hub_ready", log_path=folder / "log", environ={}
    ) as process:
        await until_ready(process)


def test_a_command_that_ends_instead_of_working_is_named_with_its_last_words(tmp_path):
    settings = tmp_path / "missing.toml"

    with pytest.raises(Unavailable, match=r"the hub ended \(exit code 2\)") as caught:
        asyncio.run(run(tmp_path, "hub", "--settings", str(settings)))

    assert "missing.toml" in str(caught.value)
    assert "missing.toml" in (tmp_path / "log").read_text("utf-8")
