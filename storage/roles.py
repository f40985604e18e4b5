"""The rights a process works with: one group role each, which no login needs to hold more than.

`storage.database.connect(dsn, role=...)` makes a session that is confined to one of them, also
where its login could do more. What each may is declared in `storage/privileges.toml`.
"""

from enum import StrEnum


class Role(StrEnum):
    """A group role of the server (NOLOGIN); its value is the role's name there.

    The owner of everything is whoever migrates: no process works as that.
    """

    HUB = "adhere_hub"
    """Takes batches, states and events of gateways, and publishes rosters."""
    CORE = "adhere_core"
    """Recomputes patient-days and weeks at night."""
    ALERTS = "adhere_alerts"
    """Judges the rules, and tells people."""
    REPORTS = "adhere_reports"
    """Closes periods, and writes workbooks and evidence."""
    PORTAL = "adhere_portal"
    """Shows pages to those who may see them; row security holds for it."""
    AUDITOR = "adhere_auditor"
    """Reads who has seen what, and nothing else."""
    OPERATOR = "adhere_operator"
    """Registers people, bands and boxes, and looks after what could not be taken."""


LOGINS = {
    "adhere-hub": (Role.HUB,),
    "adhere-watch": (Role.ALERTS,),
    "adhere-nightly": (Role.CORE, Role.REPORTS, Role.ALERTS),
    "adhere-portal": (Role.PORTAL,),
    "adhere-operator": (Role.OPERATOR,),
}
"""One login for each process of the district, named as its account and its service are, and one for
commands. People may have logins of their own instead, and auditors have."""
