"""A YCBT band's log of the pulse, put together, without the heads of its frames.

A family of its own so that a recorded log can be named; bands are registered as `ycbt`.
"""

from devices.ycbt_frames import PULSE_LOG
from devices.ycbt_records import history_family

FAMILY = history_family(
    PULSE_LOG,
    key="ycbt_history_hr",
    title="YCBT bands: the log of the pulse",
    interval_s=1800,
    history="records of six bytes, each with its time and a pulse, 0 where it was not worn",
    limits=(
        "Builds no bout: the recorded log is hourly, "
        "and rings of this family take no more than one pulse in half an hour."
    ),
)
