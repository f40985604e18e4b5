"""Errors, sorted by what the caller must do.

Anything that is none of these is a bug and ends the process. No message carries a payload, a name
or a patient's value: these texts reach the log.
"""


class AdhereError(Exception):
    """Any fault this program foresees."""


class Rejected(AdhereError):
    """The data is bad: put the bytes in quarantine under `reason`, go on.

    `reason` is a short fixed word (`bad_signature`), the same in the log, the counter and the
    quarantine row; `detail` says which part of what, and holds no value out of the data.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class Unavailable(AdhereError):
    """A service, a disk or a radio is away: back off, retry; the spool keeps the data."""


class Misconfigured(AdhereError):
    """An operator must act: say what to do, exit 2, do not retry."""
