"""A YCBT band's log of everything at once, put together, without the heads of its frames.

Steps are the day's running total, pulses the same as in the log of the pulse. Blood pressure,
oxygen, breath, temperature and glucose stand beside them and are passed over: no measurements.
A family of its own so that a recorded log can be named; bands are registered as `ycbt`.
"""

from devices.ycbt_frames import ALL_LOG
from devices.ycbt_records import history_family

FAMILY = history_family(
    ALL_LOG,
    key="ycbt_history_all",
    title="YCBT bands: the log of all quantities",
    interval_s=1800,
    history="records of twenty bytes, each with its time, the day's steps so far, and the pulse",
    limits="Builds no bout: the recorded log is hourly.",
)
