"""What every family keeps to: vectors, a page, known quantities, values that a roster can match."""

from contextlib import suppress

import pytest

from config.errors import Rejected
from devices.family import SIG_UUID
from devices.memory import WithMemory
from devices.registry import by_key, families_of_advert, family_of_link, load_families
from devices.talk import TalkTerms
from devices.value import QUANTITIES
from ingest.batch.reading import Quantity
from scripts.devices_page import PAGE, page
from tests.band_vectors import FOLDER, frames_of, vectors_of

FAMILIES = load_families()
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def test_the_families_of_today_are_found():
    assert set(FAMILIES) == {
        "battery",
        "colmi",
        "colmi_hr_log",
        "device_information",
        "fitpro",
        "hrs",
        "huami_steps",
        "huami_time",
        "jring_56ff",
        "miband_advert",
        "moyoung",
        "pinetime",
        "polar_advert",
        "veepoo",
        "veepoo_history",
        "wearfit",
        "xoss_advert",
        "ycbt",
        "ycbt_history_all",
        "ycbt_history_hr",
        "ycbt_history_sport",
    }


def test_no_two_files_may_declare_one_family():
    with pytest.raises(RuntimeError, match="hrs"):
        by_key([FAMILIES["hrs"], FAMILIES["battery"], FAMILIES["hrs"]])


def test_every_vector_file_stands_beside_its_family():
    assert {path.name.partition(".")[0] for path in FOLDER.glob("*.vectors.toml")} == set(FAMILIES)


@each_family
def test_a_family_is_declared_in_the_file_of_its_name(family):
    assert (FOLDER / f"{family.key}.py").exists()


@each_family
def test_a_family_has_a_good_a_cut_and_a_corrupt_vector_each_with_its_source(family):
    vectors = vectors_of(family.key)

    assert all(vector["source"] and vector["hex"] for vector in vectors)
    assert any("expect" in vector for vector in vectors)
    assert any("fault" in v and v["name"].startswith("cut") for v in vectors)
    assert any("fault" in v and v["name"].startswith("corrupt") for v in vectors)


@each_family
def test_a_family_says_what_it_knows_in_the_words_of_a_reading(family):
    said = {
        value.quantity
        for vector in vectors_of(family.key)
        if "fault" not in vector
        for value in family.decode(*frames_of(vector)).values
    }

    assert said <= set(QUANTITIES)


@each_family
def test_a_family_says_how_often_it_gives_a_heart_rate_if_and_only_if_it_gives_one(family):
    gives_pulse = any(
        row[0] == "heart_rate_bpm"
        for vector in vectors_of(family.key)
        for row in vector.get("expect", ())
    )

    assert (family.payable_interval_s is not None) is gives_pulse
    assert family.payable_interval_s is None or family.payable_interval_s >= 1


@each_family
def test_a_sound_vector_that_is_cut_anywhere_decodes_or_is_refused(family):
    for vector in vectors_of(family.key):
        frames, service_data = frames_of(vector)
        for size in range(len(frames[-1])):
            with suppress(Rejected):
                decoded = family.decode([*frames[:-1], frames[-1][:size]], service_data)
                assert all(value.value >= 0 for value in decoded.values)


@each_family
def test_a_family_says_in_words_what_a_centre_must_know(family):
    said = (family.title, family.authentication, family.history, family.links, family.evidence)

    assert all(word and word == word.strip() and not word.endswith(".") for word in said)
    assert family.limits or family.key in {"battery", "colmi_hr_log"}


def test_devices_and_readings_name_the_same_quantities():
    assert set(QUANTITIES) == set(Quantity)


@each_family
def test_a_family_without_a_frame_is_no_frame(family):
    with pytest.raises(Rejected):
        family.decode([], None)


@each_family
def test_a_family_has_its_entry_in_the_reference(family):
    entry = PAGE.read_text("utf-8").partition(f"## `{family.key}`")[2].partition("\n## ")[0]

    assert "| tested on hardware | not yet |" in entry
    assert f"/{family.key}.vectors.toml)" in entry


def test_the_reference_is_written_from_the_families():
    assert PAGE.read_text("utf-8") == page(), "run: python -m scripts.devices_page"


@each_family
def test_a_talk_begins_with_a_characteristic_to_subscribe(family):
    if family.talk is None:
        return
    talk = family.talk(TalkTerms(480))

    assert talk.notify
    assert [uuid for uuid in (*talk.notify, *talk.reads) if uuid != uuid.lower()] == []
    assert not talk.done


def test_an_advert_is_known_by_its_company_its_service_data_or_its_service():
    def found(company=(), data=(), services=()):
        families = families_of_advert(
            dict.fromkeys(company, b""), dict.fromkeys(data, b""), services
        )
        return [family.key for family in families]

    assert found(company=[0x0157]) == ["miband_advert"]
    assert found(data=[SIG_UUID.format(0xFEE0)]) == ["miband_advert"]
    assert found(company=[0x006B], services=[SIG_UUID.format(0x180D)]) == ["hrs", "polar_advert"]
    assert found(company=[0x004C], services=[SIG_UUID.format(0x180F)]) == []


def test_an_advert_gives_its_family_what_it_carries():
    mi, polar = FAMILIES["miband_advert"], FAMILIES["polar_advert"]
    payload = bytes.fromhex("0202017dffffffffffffffffffffffffff02aabbccddeeff")
    steps = {SIG_UUID.format(0xFEE0): bytes.fromhex("8d230000")}

    assert [v.value for v in mi.hear_advert({0x0157: payload}, steps).values] == [125, 9101]
    assert [v.value for v in mi.hear_advert({}, steps).values] == [9101]
    assert polar.hear_advert({0x006B: b"\x3b\x16\x44\x46"}, steps).values[0].value == 70


@pytest.mark.parametrize(
    ("told", "offered", "found"),
    [
        ("ycbt", ["ycbt", "hrs"], "ycbt"),
        ("hrs", ["ycbt", "hrs"], "ycbt"),
        ("hrs", ["jring_56ff", "hrs"], "jring_56ff"),
        ("hrs", ["hrs"], "hrs"),
        ("hrs", ["hrs", "colmi"], "hrs"),
        ("colmi", ["colmi", "hrs"], "colmi"),
        ("colmi", ["ycbt", "hrs"], "ycbt"),
        ("colmi", ["hrs"], "colmi"),
        ("colmi", ["veepoo", "fitpro"], "colmi"),
        ("veepoo", [], "veepoo"),
    ],
)
def test_what_a_band_offers_over_its_link_says_how_to_talk_with_it(told, offered, found):
    services = [FAMILIES[key].service_uuid for key in offered]

    assert family_of_link(FAMILIES[told], services).key == found


def test_a_fresh_frame_of_polar_differs_in_the_counter_that_its_family_names():
    polar = FAMILIES["polar_advert"]
    first, second = (polar.decode([bytes((flags, 22, 68, 70))], None) for flags in (0x2B, 0x2F))

    assert first.values == second.values
    assert first.info[polar.frame_counter] != second.info[polar.frame_counter]


@each_family
def test_a_talk_says_what_it_knows_of_clock_and_memory_from_its_first_moment(family):
    if family.talk is None:
        return
    talk = family.talk(TalkTerms(480, newest_stamp_ms=7))

    assert talk.clock_ahead_ms is None
    assert talk.held_back(1_767_268_800_000) == []
    assert isinstance(talk, WithMemory) is family.has_memory
    assert talk.newest_stamp_ms == (7 if family.has_memory else None)


@each_family
def test_a_family_that_vibrates_says_by_what_and_where_that_was_read(family):
    if family.vibration is None:
        return

    assert family.vibration.writes
    assert all(write.characteristic == write.characteristic.lower() for write in
               (*family.vibration.writes, *family.vibration.stop))  # fmt: skip
    assert "(" in family.vibration.says, "its source"


@pytest.mark.parametrize(
    ("family", "written"),
    [
        ("colmi", ["5055aa0000000000000000000000004f"]),
        ("fitpro", ["cd00061201" + "0b" + "000101"]),
        ("moyoung", ["feea200561", "feea100561"]),
        ("pinetime", ["02"]),
        ("wearfit", ["ab0003ff7180"]),
        ("ycbt", ["03000900010502"]),
    ],
)
def test_a_band_vibrates_by_the_bytes_that_public_sources_write(family, written):
    frames = [write.data.hex() for write in FAMILIES[family].vibration.writes]

    assert [frame[: len(word)] for frame, word in zip(frames, written, strict=True)] == written
