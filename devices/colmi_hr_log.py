"""A Colmi ring's log of the pulse: one day in 24 frames of 16 bytes, decoded as any of its frames.

A family of its own so that a recorded log can be named; bands are registered as `colmi`.
"""

from devices.colmi import decode
from devices.colmi_frames import FRAME_BYTES
from devices.family import Family

FAMILY = Family(
    key="colmi_hr_log",
    title="Colmi rings: the log of the pulse",
    decode=decode,
    payable_interval_s=300,
    authentication="none",
    history="288 slots of five minutes a day, 0 where there was no pulse",
    links="read over the ring's link, about a second a day",
    evidence="a public client (MIT) with its recorded frames",
    limits="Builds no bout: five minutes lie between two values.",
    shortest_frame=FRAME_BYTES,
)
