"""Files of wearables become readings: one module a format, one way into the spool for all.

`reader` finds out what a file is and reads it in a process of its own (`child`), so that no file,
however it was made, can take the gateway's memory or its time. `inbox` hands what was read to the
spool, and `journal` remembers what it had, so that nothing counts twice.
"""
