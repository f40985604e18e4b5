"""Frames soundly built of any contents, cut anywhere: decoded or refused, never a crash."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import Rejected
from devices import fitpro_frames, jring_frames, ycbt_frames
from devices.registry import load_families
from devices.talk import TalkTerms
from devices.value import QUANTITIES

FAMILIES = load_families()
NOW_UTC_MS = 1_767_268_800_000

byte = st.integers(0, 255)
ycbt_frame = st.builds(
    ycbt_frames.frame,
    st.integers(0, 7),
    st.sampled_from([*range(10), 0x11, 0x13, 0x15, 0x18, 0x2F, 0x80]),
    st.binary(max_size=60),
)
ycbt_log = st.builds(
    lambda key, data: b"".join(
        (
            ycbt_frames.frame(5, key, bytes(2) + b"\1\0\0\0" + len(data).to_bytes(4, "little")),
            ycbt_frames.frame(5, {2: 0x11, 6: 0x15, 9: 0x18}[key], data),
            ycbt_frames.frame(
                5,
                0x80,
                b"\1\0"
                + len(data).to_bytes(2, "little")
                + ycbt_frames.crc16(data).to_bytes(2, "little"),
            ),
        )
    ),
    st.sampled_from([2, 6, 9]),
    st.binary(max_size=140),
)
jring_frame = st.builds(
    lambda command, data: (bytes((command,)) + data).ljust(20, b"\0"),
    st.sampled_from([*jring_frames.Command, 0x10, 0xF9]),
    st.binary(max_size=19),
)
fitpro_records = st.builds(
    lambda command, date, records: fitpro_frames.frame(
        0x15,
        command,
        date + len(records).to_bytes(2, "big") + b"".join(records),
    ),
    st.sampled_from([0x02, 0x0E]),
    st.binary(min_size=2, max_size=2),
    st.lists(st.binary(min_size=8, max_size=8), max_size=6),
)
fitpro_frame = st.builds(fitpro_frames.frame, byte, byte, st.binary(max_size=40)) | fitpro_records
KINDS = {
    "ycbt": ycbt_frame | ycbt_log,
    "jring_56ff": jring_frame,
    "fitpro": fitpro_frame,
}


@st.composite
def pieces_of(draw, frames):
    """Sound frames in a row, cut into pieces, some of them lost, doubled or spoilt."""
    stream = b"".join(draw(st.lists(frames, max_size=6)))
    size = draw(st.sampled_from([20, 60, 244, 2000]))
    pieces = []
    for at in range(0, len(stream), size):
        piece = stream[at : at + size]
        pieces += draw(
            st.sampled_from([[piece]] * 6 + [[], [piece] * 2, [piece[:-1] + b"\x55"], [piece[1:]]])
        )
    return pieces


@pytest.mark.parametrize("key", KINDS)
@given(data=st.data())
def test_any_contents_decode_or_are_rejected(key, data):
    frames = data.draw(pieces_of(KINDS[key]) | st.lists(st.binary(max_size=64), max_size=5))

    with contextlib.suppress(Rejected):
        decoded = FAMILIES[key].decode(frames, None)
        assert all(value.quantity in QUANTITIES and value.value >= 0 for value in decoded.values)
        assert all(value.value for value in decoded.values if value.quantity == "heart_rate_bpm"), (
            "0 is no pulse"
        )


@pytest.mark.parametrize("key", ["ycbt_history_hr", "ycbt_history_sport", "ycbt_history_all"])
@given(data=st.binary(max_size=200))
def test_any_log_decodes_or_is_rejected(key, data):
    with contextlib.suppress(Rejected):
        values = FAMILIES[key].decode([data], None).values
        assert all(value.value >= 0 and value.device_ts_ms is not None for value in values)
        assert all(value.span_ms > 0 for value in values if value.quantity == "steps_increment")


@pytest.mark.parametrize("key", KINDS)
@given(data=st.data(), since=st.none() | st.integers(NOW_UTC_MS - 10**9, NOW_UTC_MS + 10**9))
def test_a_talk_survives_any_contents_and_tells_nothing_twice(key, data, since):
    talk = FAMILIES[key].talk(TalkTerms(480, since))
    now, told = NOW_UTC_MS, []
    talk.writes_at(now)

    for piece in data.draw(pieces_of(KINDS[key])):
        now += data.draw(st.integers(-5_000, 40_000))
        with contextlib.suppress(Rejected):
            for value in talk.heard(talk.notify[0], piece, now):
                is_unplaced = value.device_ts_ms is not None and value.at_utc_ms is None
                assert is_unplaced or (value.at_utc_ms or now) + value.span_ms <= now
                if value.device_ts_ms is not None:
                    assert value.at_utc_ms is not None or value.clock_suspect
                    told.append((value.quantity, value.device_ts_ms))
        assert talk.due_utc_ms is None or talk.due_utc_ms >= 0
        talk.writes_at(now)
    assert len(set(told)) == len(told)
