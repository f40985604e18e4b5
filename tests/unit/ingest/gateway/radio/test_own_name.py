"""What a band calls itself: asked for politely, and never waited for."""

import asyncio

import pytest
from bleak.exc import BleakError

from devices.device_information import FIRMWARE, MAKER, MODEL, PARTS
from ingest.gateway.radio.own_name import own_name


class Client:
    """Answers reads with bytes, an error, or never (None)."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    async def read_gatt_char(self, uuid):
        name = {MAKER: "maker", MODEL: "model", FIRMWARE: "firmware"}[uuid]
        self.asked.append(name)
        answer = self.answers[name]
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        return bytearray(answer)


def named(offered=PARTS, **answers):
    client = Client(**answers)
    return asyncio.run(own_name(client, offered, 0.02)), client.asked


def test_maker_model_and_firmware_make_one_line():
    name, _ = named(maker=b"PINE64\0", model=b"PineTime", firmware=b"1.14.0 ")

    assert name == "PINE64 PineTime 1.14.0"


@pytest.mark.parametrize("bad", [BleakError("no"), b"", b"\xff", b"a\nb", b"x" * 65])
def test_what_is_refused_or_is_no_text_is_left_out(bad):
    name, asked = named(maker=b"PINE64", model=bad, firmware=b"1.14.0")

    assert name == "PINE64 1.14.0"
    assert len(asked) == 3


def test_after_an_answer_that_does_not_come_no_more_is_asked():
    name, asked = named(maker=b"PINE64", model=None, firmware=b"1.14.0")

    assert name == "PINE64"
    assert asked == ["maker", "model"]


def test_only_what_is_offered_is_asked_for():
    assert named(offered=[MODEL], model=b"MT863") == ("MT863", ["model"])
    assert named(offered=[]) == ("", [])
