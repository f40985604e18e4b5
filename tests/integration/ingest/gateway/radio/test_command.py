"""`adhere gateway run` and `check` as an operator starts them, over the virtual radio."""

import asyncio
import dataclasses
import json
import os
import signal
import sys
import time

import pytest

from ingest.batch.enrolment import Answer, dump, make_request
from ingest.batch.keys import make_keys, save_keys
from ingest.batch.roster import Claimer, Roster, RosterBand, seal_roster
from ingest.gateway import ENROLMENT_FILE, KEY_FILE
from ingest.gateway.claims import CLAIMS_FILE
from ingest.gateway.rosters import ROSTER_FILE
from ingest.gateway.standing import Standing
from tests.radio_room import HCI0, HCI1, mi, strap

LONG_AGO_MS, FAR_OFF_MS = 1_700_000_000_000, 4_000_000_000_000


@pytest.fixture
def box(tmp_path):
    """A box of files alone: keys, enrolment, a roster with one band, settings."""
    data, keys, hub = tmp_path / "box", make_keys(), make_keys()
    data.mkdir(mode=0o700)
    save_keys(data / KEY_FILE, keys)
    answer = Answer.signed(
        hub, make_request(keys), centre="centre", gateway="hall-1",
        broker_host="127.0.0.1", broker_port=9,
    )  # fmt: skip
    (data / ENROLMENT_FILE).write_bytes(dump(answer))
    registered = RosterBand(
        device_key=mi(1).address, family="miband_advert", subject="p01",
        worn_from_ms=LONG_AGO_MS, worn_until_ms=None,
        ceiling_bpm=None, zone_lo_bpm=None, zone_hi_bpm=None,
    )  # fmt: skip
    person = Claimer("p02", bytes(16), bytes(16), ())
    roster = Roster(
        "centre", "hall-1", 1, LONG_AGO_MS, FAR_OFF_MS, (registered,), claimers=(person,)
    )
    (data / ROSTER_FILE).write_bytes(seal_roster(roster, hub.signing, [keys.public.encryption]))

    def settings(*adapters):
        path = tmp_path / "gateway.toml"
        path.write_text(
            f'centre = "centre"\ngateway = "hall-1"\ndata_dir = "{data}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = 9\n'
            f"[radio]\nadapters = {json.dumps(adapters)}\n"
        )
        return path

    return settings


def claim(folder, band):
    """Write down that p02 wears the band, as a gateway does that stops."""
    now_ms = time.time_ns() // 10**6
    standing = Standing(
        claim="00" * 16, device_key=band.address, family=None, subject="p02",
        began_utc_ms=now_ms - 1_000, latest_utc_ms=now_ms + 3_600_000, is_sure=True,
        heard_utc_ms=now_ms, heard_mono_ms=0,
    )  # fmt: skip
    (folder / CLAIMS_FILE).write_text(json.dumps([dataclasses.asdict(standing)]))


async def adhere(*words):
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ADHERE_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "scripts.main", *map(str, words),
        env=environ | {"ADHERE_LANGUAGE": "en", "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def ended(process):
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def test_the_check_names_adapters_and_bands_and_no_value(on_the_air, box):
    async def scene(radio):
        radio.add_band(mi(1, lambda _utc_ms: 177))
        radio.add_band(strap(1))
        radio_alone = ("--part", "radio", "--seconds", "1")
        command = ("gateway", "check", "--settings", box(HCI0, HCI1), *radio_alone)
        found = await ended(await adhere(*command))
        radio.pull_adapter(HCI1)
        return found, await ended(await adhere(*command, "--json"))

    (code, out, err), without = on_the_air(scene)
    assert code == 0, err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert f"{HCI0} there, and listening" in lines
    assert f"{mi(1).address} -60 dBm registered miband_advert" in lines
    assert f"{strap(1).address} -60 dBm not registered hrs" in lines
    assert "177" not in out
    code, out, err = without
    assert code == 4
    assert json.loads(out)["adapters"] == {HCI0: "scans", HCI1: "missing"}
    assert "the radio is not ready" in err


def test_without_adapters_in_the_settings_the_check_names_those_there_are(on_the_air, box):
    async def scene(_radio):
        return await ended(await adhere("gateway", "check", "--settings", box(), "--part", "radio"))

    code, out, err = on_the_air(scene)

    assert code == 0, err
    assert f"{HCI1}  there, not in the settings" in out
    assert "Write the addresses to use into the settings: [radio] adapters." in out


def test_without_a_bus_the_check_says_what_to_look_at(on_the_air, box):
    async def scene(radio):
        radio.crash()
        return await ended(
            await adhere("gateway", "check", "--settings", box(HCI0), "--part", "radio")
        )

    code, out, _ = on_the_air(scene)

    assert code == 4
    assert "The system bus does not answer" in out


def test_top_shows_how_each_band_is_heard_and_no_value(on_the_air, box):
    async def scene(radio):
        band = mi(1, lambda _utc_ms: 177)
        radio.add_band(band, adapters=[HCI0])
        settings = box(HCI0, HCI1)
        running = await adhere("gateway", "run", "--settings", settings)
        while band.sent_adverts.total() < 20:  # noqa: ASYNC110 - another process listens
            await asyncio.sleep(0.01)
        command = ("gateway", "top", "--settings", settings, "--once")
        seen = await ended(await adhere(*command)), await ended(await adhere(*command, "--json"))
        running.send_signal(signal.SIGTERM)
        await ended(running)
        return seen

    (code, out, err), (_, as_json, _) = on_the_air(scene)

    assert code == 0, err
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert any(line.startswith(f"{mi(1).address} miband_advert advert 0 s ago") for line in lines)
    assert f"adapter {HCI0}: scanning, 0 of 5 links" in lines
    assert "177" not in out
    said = json.loads(as_json)
    (band,) = said["bands"]
    assert band["rssi_dbm"] == -60
    assert band["readings_per_min"] > 0
    assert band.keys() == {
        "device_key", "family", "way", "rssi_dbm", "heard_ago_s", "readings_per_min",
        "battery_pct", "claimed",
    }  # fmt: skip
    assert {adapter["address"] for adapter in said["adapters"]} == {HCI0, HCI1}


def test_a_claimed_band_is_shown_as_claimed_at_rest_and_beside_the_gateway(
    on_the_air, box, tmp_path
):
    async def scene(radio):
        for band in (mi(1), mi(2), strap(1)):
            radio.add_band(band, adapters=[HCI1])
        settings = box(HCI1)
        claim(tmp_path / "box", mi(2))
        check = ("gateway", "check", "--settings", settings, "--part", "radio", "--seconds", "1")
        at_rest = await ended(await adhere(*check))
        running = await adhere("gateway", "run", "--settings", settings)
        top = ("gateway", "top", "--settings", settings, "--once")
        while mi(2).address not in (shown := await ended(await adhere(*top)))[1]:
            assert running.returncode is None
        (tmp_path / "box" / CLAIMS_FILE).write_text("it is the gateway's word that counts now")
        beside = await ended(await adhere(*check, "--json"))
        running.send_signal(signal.SIGTERM)
        await ended(running)
        return at_rest, shown, beside

    (code, at_rest, err), (_, shown, _), (_, beside, _) = on_the_air(scene)

    assert code == 0, err
    lines = [" ".join(line.split()) for line in at_rest.splitlines()]
    assert f"{mi(1).address} -60 dBm registered miband_advert" in lines
    assert f"{mi(2).address} -60 dBm claimed miband_advert" in lines
    assert f"{strap(1).address} -60 dBm not registered hrs" in lines
    ways = {line.split()[0]: line.split()[-1] for line in shown.splitlines() if line}
    assert (ways[mi(1).address], ways[mi(2).address]) == ("roster", "claim")
    bands = json.loads(beside)["bands"]
    assert {key for key, band in bands.items() if band["claimed"]} == {mi(2).address}
    assert {key for key, band in bands.items() if band["registered"]} == {mi(1).address}
    assert [one["state"] for one in json.loads(beside)["findings"]] == ["ok"]
    assert "p02" not in at_rest + shown + beside


def test_claims_that_cannot_be_read_are_a_warning(on_the_air, box, tmp_path):
    async def scene(_radio):
        settings = box(HCI0)
        (tmp_path / "box" / CLAIMS_FILE).write_text("what the disk made of it")
        only = ("--part", "radio", "--seconds", "1", "--json")
        return await ended(await adhere("gateway", "check", "--settings", settings, *only))

    code, out, err = on_the_air(scene)

    assert code == 0, err
    warned = json.loads(out)["findings"][0]
    assert warned["state"] == "warn"
    assert CLAIMS_FILE in warned["says"]


def test_a_gateway_hears_the_bands_of_its_roster_until_sigterm(on_the_air, box):
    async def scene(radio):
        band = mi(1)
        radio.add_band(band, adapters=[HCI0])
        radio.add_band(strap(1))
        running = await adhere("gateway", "run", "--settings", box(HCI0, HCI1), "--json")
        while band.sent_adverts.total() < 20:  # noqa: ASYNC110 - another process listens
            await asyncio.sleep(0.01)
        radio.pause()
        running.send_signal(signal.SIGTERM)
        return await ended(running), band.sent_adverts.total()

    (code, out, err), sent = on_the_air(scene)

    assert code == 0, err
    status = json.loads(out)
    taken = status["radio"]["adverts_taken"]
    assert sent - 1 <= taken <= sent, "the last may have been on its way"
    assert status["stored"] == 2 * taken, "pulse and steps"
    assert status["radio"]["bands_offered"] == 1
    assert status["edge"]["readings_judged"] == taken
    assert strap(1).address not in out
