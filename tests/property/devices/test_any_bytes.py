"""Any bytes decode or are refused; no others end a program that listens to the air."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import Rejected
from devices import moyoung_frames, wearfit_frames
from devices.colmi_frames import FRAME_BYTES, NOTIFY, Command, frame
from devices.registry import load_families
from devices.talk import TalkTerms
from devices.value import QUANTITIES
from devices.veepoo_frames import NOTIFY as VEEPOO_NOTIFY

FAMILIES = load_families()
NOW_UTC_MS = 1_767_268_800_000

any_bytes = st.binary(max_size=64)
colmi_frame = st.builds(frame, st.sampled_from(Command), st.binary(max_size=FRAME_BYTES - 2))
veepoo_frame = st.builds(
    lambda first, rest: bytes((first,)) + rest,
    st.sampled_from([0xA0, 0xA1, 0xD0, 0xD8, 0xDF, 0xB1]),
    st.binary(max_size=40),
)
moyoung_frame = st.builds(
    moyoung_frames.frame,
    st.sampled_from([moyoung_frames.OLD, moyoung_frames.WIDE]),
    st.sampled_from([moyoung_frames.VERSION, moyoung_frames.PULSE]) | st.integers(0, 255),
    st.binary(max_size=3),
)
wearfit_frame = st.builds(
    wearfit_frames.frame,
    st.sampled_from([*wearfit_frames.READERS, 0x3111]),
    st.binary(max_size=11),
)
bands_frame = st.one_of(any_bytes, colmi_frame, veepoo_frame, moyoung_frame, wearfit_frame)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@given(frames=st.lists(bands_frame, max_size=30), service_data=st.none() | any_bytes)
def test_any_bytes_decode_or_are_rejected(family, frames, service_data):
    with contextlib.suppress(Rejected):
        decoded = family.decode(frames, service_data)

        assert all(value.quantity in QUANTITIES and value.value >= 0 for value in decoded.values)


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.talk], ids=lambda f: f.key)
@given(
    frames=st.lists(st.tuples(bands_frame, st.integers(-10_000, 40_000)), min_size=1, max_size=40),
    since=st.none() | st.integers(NOW_UTC_MS - 10**9, NOW_UTC_MS + 10**9),
)
def test_a_talk_survives_any_bytes_and_any_clock(family, frames, since):
    talk = family.talk(TalkTerms(480, since))
    others = set(talk.reads).difference(talk.notify)
    uuids = {"colmi": [NOTIFY], "veepoo": [VEEPOO_NOTIFY]}.get(family.key, (*talk.notify, *others))
    now = NOW_UTC_MS
    talk.writes_at(now)

    for data, later_ms in frames:
        now += later_ms
        for uuid in uuids:
            with contextlib.suppress(Rejected):
                for value in talk.heard(uuid, data, now):
                    assert value.device_ts_ms is None or value.at_utc_ms is not None
                    # what the band remembers is over; what it says live is true now
                    assert (value.at_utc_ms or now) + value.span_ms <= now
        talk.writes_at(now)
