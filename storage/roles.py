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
    CORE = "adhere_core"
    ALERTS = "adhere_alerts"
    REPORTS = "adhere_reports"
    PORTAL = "adhere_portal"
    AUDITOR = "adhere_auditor"
    OPERATOR = "adhere_operator"
    BACKUP = "adhere_backup"


WHO = {
    Role.HUB: "The hub: takes batches, states and events of gateways, and publishes rosters.",
    Role.CORE: "The night's recomputation: reads readings and records, writes days and weeks.",
    Role.ALERTS: "The watch: judges rules and tells people; of a name it gets the first letter.",
    Role.REPORTS: "Workbooks, payable lines, evidence; `adhere why`. Nobody's name.",
    Role.PORTAL: "The web pages: rows by row security, and readings through functions alone.",
    Role.AUDITOR: "Whoever inspects who has seen what, and nothing else.",
    Role.BACKUP: "Says in the audit trail that a backup was made; its login reads everything.",
    Role.OPERATOR: "The commands of a district: people, bands, boxes, and what could not be taken.",
}
"""Who works as each role, in a sentence."""


LOGINS = {
    "adhere-hub": (Role.HUB,),
    "adhere-watch": (Role.ALERTS,),
    "adhere-nightly": (Role.CORE, Role.REPORTS, Role.ALERTS),
    "adhere-portal": (Role.PORTAL,),
    "adhere-operator": (Role.OPERATOR,),
    "adhere-backup": (Role.BACKUP,),
}
"""One login for each process of the district, named as its account and its service are, and one for
commands. People may have logins of their own instead, and auditors have."""
