"""A YCBT band's log of steps, put together, without the heads of its frames.

A family of its own so that a recorded log can be named; bands are registered as `ycbt`.
"""

from devices.ycbt_frames import SPORT_LOG
from devices.ycbt_records import history_family

FAMILY = history_family(
    SPORT_LOG,
    key="ycbt_history_sport",
    title="YCBT bands: the log of steps",
    interval_s=None,
    history="records of fourteen bytes, each with its beginning, its end, and the steps between",
    limits="It is not known whether they cover the whole day or what the band takes for exercise.",
)
