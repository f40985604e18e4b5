"""One record out of a Veepoo band's memory, without the heads of its frames.

A family of its own so that a recorded record can be named; bands are registered as `veepoo`.
"""

from devices.family import Family
from devices.veepoo import decode

FAMILY = Family(
    key="veepoo_history",
    title="Veepoo bands: a record of the memory",
    decode=decode,
    payable_interval_s=60,
    authentication="none",
    history="288 records of five minutes a day, with five pulses and the steps of each",
    links="read over the band's link",
    evidence="a public client, with values read from a TK20 ring",
    limits="The minute of each pulse follows from the layout; check it for each model.",
)
