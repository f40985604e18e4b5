"""Frames out of pieces: cut anywhere, several together, after a loss."""

import pytest

from config.errors import Rejected
from devices import fitpro_frames, ycbt_frames

FRAMES = [ycbt_frames.frame(6, 1, bytes([bpm])) for bpm in (60, 61, 62)]
LONG = ycbt_frames.frame(5, 0x15, bytes(range(200)))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 20, 500])
def test_frames_come_out_however_they_were_cut(size):
    stream = b"".join([*FRAMES, LONG, *FRAMES])
    reassembly = ycbt_frames.reassembly()

    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    found = [frame for piece in pieces for frame in reassembly.take(piece)]

    assert found == [*FRAMES, LONG, *FRAMES]
    assert not reassembly.is_waiting


def test_a_frame_whose_end_was_lost_costs_no_other():
    reassembly = ycbt_frames.reassembly()

    assert reassembly.take(LONG[:100]) == []
    assert reassembly.is_waiting
    assert reassembly.take(FRAMES[0]) == [FRAMES[0]]
    assert not reassembly.is_waiting


def test_after_a_lost_middle_the_next_frame_is_whole_again():
    reassembly = ycbt_frames.reassembly()
    reassembly.take(LONG[:80])

    with pytest.raises(Rejected, match="bad_checksum"):
        reassembly.take(LONG[160:] + LONG[:160])
    assert reassembly.take(FRAMES[1]) == [FRAMES[1]]


def test_what_cannot_be_a_length_is_refused_and_forgotten():
    reassembly = ycbt_frames.reassembly()

    with pytest.raises(Rejected, match="out_of_range"):
        reassembly.take(b"\x06\x01\x05\x00")
    assert not reassembly.is_waiting


def test_a_cut_acknowledgement_is_waited_for():
    reassembly = fitpro_frames.reassembly()

    assert reassembly.take(bytes.fromhex("dc00051a01")) == []
    assert reassembly.take(bytes.fromhex("000c01")) == [bytes.fromhex("dc00051a01000c01")]


def test_the_checksum_is_the_one_of_the_notes():
    assert ycbt_frames.crc16(b"123456789") == 0x29B1
